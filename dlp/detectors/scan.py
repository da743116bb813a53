"""One text through all rules."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlp.detectors.engine import Prefilter, compiled, prefilter
from dlp.detectors.fields import Tables
from dlp.detectors.hidden import shown
from dlp.detectors.offsets import Offsets
from dlp.detectors.plain import plain
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.detectors.shapes import Bulk
from dlp.detectors.words import spotter
from dlp.findings import Finding, Scan, resolved

MAX_CHARACTERS = 1 << 20
MAX_MATCHES = 20_000  # of one pattern in one text
MAX_COSTLY = 3_000  # questions to costly judges about one text
THRESHOLD = 0.5
BEFORE = 56  # characters in front of a value in which its context may stand
AFTER = 18
_LABEL = 80
_SAYS = re.compile(r" (?:is|was|ist|war|est|es|è|é|jest|to|är) (?:[^\W\d_]{2,6} )?", re.IGNORECASE)
_MARKS = " \t\r()[]-–•*|,.:>"


@dataclass
class _Purse:
    """How often costly judges may still be asked; below zero they were not, where they should have been. What they said of
    a value beside a word is not asked twice."""

    left: int
    said: dict[tuple[str, str, str], bool] = field(default_factory=dict)

    def judges(self, rule: Rule, hit: Hit) -> bool:
        if rule.judge is None:
            return True
        if not rule.costly:
            return rule.judge(hit)
        name = rule.name, hit.value, hit.context
        if name not in self.said:
            self.left -= 1
            if self.left < 0:
                return False
            self.said[name] = rule.judge(hit)
        return self.said[name]


@dataclass(frozen=True)
class _Text:
    """What is asked of one text, each part made once."""

    text: str
    data: bytes
    offsets: Offsets
    bulk: Bulk
    tables: Tables
    label: str
    purse: _Purse


@dataclass(frozen=True)
class _Group:
    """Rules that share a pattern, so that it is searched for once."""

    pattern: Any
    group: int
    trim: Callable[[str], int] | None
    rules: tuple[Rule, ...]


class Detector:
    """Made once and kept: compiling takes some hundred milliseconds. `scan` may run in several threads."""

    def __init__(self, rules: Sequence[Rule], *, make: Any = prefilter) -> None:
        shared: dict[tuple[str, str, Any], list[Rule]] = defaultdict(list)
        for rule in rules:
            shared[rule.pattern, rule.cue or rule.pattern, rule.trim].append(rule)
        self._cued: dict[str, list[_Group]] = defaultdict(list)
        for (pattern, cue, _), same in shared.items():
            self._cued[cue].append(_grouped(pattern, tuple(same)))
        self._cues = list(self._cued)
        self._prefilter: Prefilter = make(self._cues)

    def scan(
        self, text: str, *, label: str = "", threshold: float = THRESHOLD, overlaps: bool = False
    ) -> Scan:
        """`label` is what the text stands under, such as the key of a JSON value. Findings below the threshold are left
        out before overlaps are resolved. With `overlaps` they are not, and findings come in no order."""
        capped = len(text) > MAX_CHARACTERS
        text = text[:MAX_CHARACTERS]
        found, more = self._found(text, label, threshold)
        if (undone := shown(text)) is not None:
            again, more_again = self._found(undone.text, label, threshold)
            found += undone.back(again)
            more = more or more_again
        return Scan(tuple(found if overlaps else resolved(found, text)), capped or more)

    def _found(self, text: str, label: str, threshold: float) -> tuple[list[Finding], bool]:
        """And whether something was left out."""
        text = plain(text)
        data = text.encode("utf-8", "replace")
        capped = False
        asked = _Text(
            text,
            data,
            Offsets(data, text.isascii()),
            Bulk(data),
            Tables(text),
            label[:_LABEL],
            _Purse(MAX_COSTLY),
        )
        found: list[Finding] = []
        for group in self._may_match(data):
            for count, (start, end) in enumerate(_spans(group, data)):
                if count == MAX_MATCHES:
                    capped = True
                    break
                found.extend(_judged(group.rules, asked, start, end, threshold))
        return found, capped or asked.purse.left < 0

    def _may_match(self, data: bytes) -> Iterator[_Group]:
        for place in sorted(self._prefilter.may_occur(data)):
            yield from self._cued[self._cues[place]]


def _grouped(pattern: str, rules: tuple[Rule, ...]) -> _Group:
    made = compiled(pattern)
    return _Group(made, min(made.groups, 1), rules[0].trim, rules)


def _spans(group: _Group, data: bytes) -> Iterator[tuple[int, int]]:
    if group.trim is None:
        spans = (match.span(group.group) for match in group.pattern.finditer(data))
        yield from ((start, end) for start, end in spans if start < end)
        return
    place = 0
    while (match := group.pattern.search(data, place)) is not None:
        start, end = match.span(group.group)
        value = data[start:end].decode("utf-8", "replace")
        end = start + len(value[: group.trim(value)].encode())
        if start < end:
            yield start, end
        place = max(end, start + 1, match.start() + 1)  # a group that took no part is at -1


def _judged(
    rules: tuple[Rule, ...], asked: _Text, start: int, end: int, threshold: float
) -> Iterator[Finding]:
    value = asked.data[start:end].decode("utf-8", "replace")
    bulky: bool | None = None
    surroundings: tuple[int, str, str] | None = None
    for rule in rules:
        if not _free(rule.edge, asked.data, start, end) or (rule.check is not None and not rule.check(value)):
            continue
        if not rule.bulky:
            bulky = asked.bulk.holds(start, end) if bulky is None else bulky
            if bulky:
                continue
        if surroundings is None:
            surroundings = _surroundings(asked, start, end)
        place, before, after = surroundings
        score, word = _score(rule, before, after)
        if score < threshold:
            continue
        if asked.purse.judges(rule, Hit(value, before, after, word)):
            yield Finding(place, place + len(value), rule.kind, round(score, 4), rule.name)


def _surroundings(asked: _Text, start: int, end: int) -> tuple[int, str, str]:
    """The place in characters, and what stands before and after; in a table only what stands in the same cell, under
    the cell's header."""
    place = asked.offsets.characters(start)
    stop = asked.offsets.characters(end)
    first, last, label = max(0, place - BEFORE), stop + AFTER, asked.label if place <= BEFORE else ""
    cell = asked.tables.at(place)
    if cell is not None:
        first, last, label = max(first, cell.start), min(last, cell.end), cell.header[:_LABEL]
    before = asked.text[first:place]
    return place, f"{label}: {before}" if label else before, asked.text[stop:last]


def _score(rule: Rule, before: str, after: str) -> tuple[float, str]:
    if not rule.context:
        return rule.score, ""
    pattern = spotter(rule.context)
    data = before.encode("utf-8", "replace")
    words = list(pattern.finditer(data))
    if words:
        last = words[-1]
        behind = data[last.end() :].decode("utf-8", "replace")
        if not _other_value(behind):
            word = last.group().decode("utf-8", "replace")
            return max(rule.score, rule.near - len(behind) / 2000), word
    word = _word_behind(pattern, before, after)
    return (max(rule.score, rule.near - 0.02), word) if word else (rule.score, "")


def _word_behind(pattern: Any, before: str, after: str) -> str:
    """In brackets; alone with the value in a line, as on cards; or in a sentence that says what the value is."""
    trailing, ended, _ = after.partition("\n")
    if _stands_alone(before, trailing, bool(ended)):
        match = pattern.match(f"{trailing.strip(_MARKS)}:".encode("utf-8", "replace"))
        if match is not None:
            return str(match.group().decode("utf-8", "replace"))
    data = trailing.encode("utf-8", "replace")
    match = pattern.search(data)
    if match is None:
        return ""
    between = data[: match.start()].decode("utf-8", "replace")
    if ("(" in trailing[: match.start() + 1] and match.start() <= 3) or _SAYS.fullmatch(between):
        return str(match.group().decode("utf-8", "replace"))
    return ""


def _stands_alone(before: str, trailing: str, ended: bool) -> bool:
    """Whether a value begins its line, and a word or two end it."""
    return (
        (ended or len(trailing) < AFTER)
        and trailing.strip(_MARKS) != ""
        and before.rpartition("\n")[2].strip(_MARKS) == ""
    )


def _other_value(between: str) -> bool:
    """Whether the word belongs to another value, which stands between."""
    digits = sum(map(str.isdigit, between))
    return digits >= 5 or "@" in between or between.count("\n") > 1


def _free(edge: Edge, data: bytes, start: int, end: int) -> bool:
    if edge is Edge.NONE:
        return True
    before, after = data[max(0, start - 8) : start], data[end : end + 8]
    left, right = before.decode("utf-8", "ignore")[-2:], after.decode("utf-8", "ignore")[:2]
    if _joins(left[-1:]) or _joins(right[:1]):
        return False
    if edge is Edge.NUMBER:
        if left[-1:] == "+" or (left[-1:] in (".", "-", "/") and left[:-1].isdigit()):
            return False
        return not (right[:1] in (".", "-", "/") and right[1:].isdigit())
    return True


def _joins(sign: str) -> bool:
    """Letters of scripts that write without blanks join nothing."""
    return bool(sign) and (sign == "_" or (sign.isalnum() and not _unspaced(sign)))


def _unspaced(sign: str) -> bool:
    return "\u2e80" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7af" or "\u0e00" <= sign <= "\u0e7f"
