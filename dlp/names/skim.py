"""What of a text is worth reading for the model, told by its shape: no base64, no digests, no long numbers, no code, and
none of our own placeholders. Strings and comments in code are read, since names stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 4_000  # characters of a stretch
_GAP = 64  # blanks that part two stretches
_LONG_LINE = 400
_BLOCK = 3  # lines of code that follow each other, else it may be prose that looks like it

# Of each, all is passed over: our placeholders and masks, addresses of pages, base64 and digests, numbers.
_BULK = re.compile(
    r"\[[A-Z][A-Z0-9_]{1,63}(?:\#[0-9a-f]{12})?\]"
    r"|https?://[^\s<>\"')\]]{1,2000}"
    r"|(?<![A-Za-z0-9+/_=-])(?=[A-Za-z_-]{0,99}[0-9+/=])[A-Za-z0-9+/_=-]{40,}"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{24,}\b"
    r"|\d[\d .,/:_-]{10,}\d"
)
_CODE = re.compile(
    r"""\s*(?:
      (?:export\s|public\s|private\s|static\s|async\s)*(?:def|class|func|fn|function|interface|struct|enum|impl)\s+\w+\s*[({:<\[].*
    | (?:const|let|var|val|final|auto)\s+[\w\[\]{},: ]+=.*
    | (?:if|for|while|switch|catch|elif)\s*\(.*\)\s*[{:]?
    | (?:if|for|while|with|elif|except|try|else)\b.*:
    | (?:return|yield|await|throw|raise)\b.*[()\[\].;].*
    | @\w[\w.]*(?:\(.*\))?
    | [\w.\[\]>*&-]+\s*(?:[-+*/|&:]?=|:=)\s*[a-z_0-9("'\[{&*!-].*
    | [\w.:>-]+\(.*\)?[;,{]?
    | [\]})]+[;,)]*(?:\s*(?:else|catch|finally)\b.*)?
    | .*(?:\w\(|=|->|::|[{}]).*[;{}]|[{}]
    )\s*""",
    re.VERBOSE,
)
_IMPORT = re.compile(
    r"""\s*(?:from\s+[a-z_.][\w./@-]*\s+import\s+[\w.*, ()]+
    | (?:import|package|using|use|require)\s+[\w.{}*:,/@ ]*;
    | import\s+[a-z_][\w.]*(?:\s+as\s+\w+)?(?:,\s*[a-z_][\w.]*)*
    | \#\s*include\s*[<"].*
    )\s*""",
    re.VERBOSE,
)
_SIGN = re.compile(
    r"[=({\[]|->|::|\w\.\w|^\s*(?:[\]})]|import\s|from\s)|;\s*$", re.MULTILINE
)  # something of which prose has little
_KEPT = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`|(?:(?<!:)//|#(?!include)|--\s|/\*).*")
_PROSE = re.compile(r"[A-Z]\w*[ \t]+[A-Z]\w|\w+[ \t]+\w+[ \t]+\w+[ \t]+\w+|[A-Z]\w+,[ \t]*[A-Z]\w")
_EDGES = re.compile(rf"\s{{{_GAP},}}")
_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """`start` counts characters of the text that it is a part of."""

    start: int
    text: str


def stretches(text: str) -> list[Stretch]:
    """In order of place; none where there is nothing to read."""
    if _LETTERS.search(text) is None:
        return []
    read = _without_code(_BULK.sub(_blanks, text))
    made: list[Stretch] = []
    place = 0
    for gap in (*_EDGES.finditer(read), None):
        end = len(read) if gap is None else gap.start()
        made += _cut(read, place, end)
        place = len(read) if gap is None else gap.end()
    return made


def _cut(read: str, start: int, end: int) -> Iterator[Stretch]:
    """At the end of a line, a sentence or a word where it is too long."""
    while start < end:
        stop = end
        if end - start > LONGEST:
            half = start + LONGEST // 2
            places = (read.rfind(sign, half, start + LONGEST) for sign in ("\n", ". ", " "))
            stop = next((place + 1 for place in places if place >= 0), start + LONGEST)
        if _LETTERS.search(read, start, stop):
            yield Stretch(start, read[start:stop])
        start = stop


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _without_code(text: str) -> str:
    if _SIGN.search(text) is None or "\n" not in text:
        return text
    lines = text.split("\n")
    made: list[str] = []
    block: list[str] = []
    for line in lines:
        if not line.strip() or _is_code(line):
            block.append(line)
            continue
        made += _closed(block)
        block = []
        made.append(line)
    return "\n".join([*made, *_closed(block)])


def _closed(block: list[str]) -> list[str]:
    if sum(map(bool, map(str.strip, block))) < _BLOCK:
        return block
    return [_strings_and_comments(line) for line in block]


def _is_code(line: str) -> bool:
    if len(line) > _LONG_LINE:
        return False
    if _IMPORT.fullmatch(line) is not None:
        return True
    if _SIGN.search(line) is None or _CODE.fullmatch(line) is None:
        return False
    return _PROSE.search(_KEPT.sub("", line)) is None


def _strings_and_comments(line: str) -> str:
    made: list[str] = []
    place = 0
    for kept in _KEPT.finditer(line):
        made += " " * (kept.start() - place), kept[0]
        place = kept.end()
    return "".join([*made, " " * (len(line) - place)])
