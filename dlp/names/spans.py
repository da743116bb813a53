"""What a model says of single words, as findings in the text.

The model reads everything in lower case. That a word has a capital is therefore news, and it is used here: a little is
enough for a word with one, and one without counts only where nothing has capitals.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from dlp.findings import Finding, combined
from dlp.kinds import Kind
from dlp.names.cues import cued


class Part(StrEnum):
    """What a word may be a part of."""

    NAME = "name"
    STREET = "street"
    BUILDING = "building"
    SECONDARY = "secondary"
    CITY = "city"
    STATE = "state"
    POSTCODE = "postcode"
    OTHER = "other"


@dataclass(frozen=True)
class Word:
    """`start` and `end` count characters. `part` is what it most likely is, `score` the share that the model gives that,
    `name` the share that it gives to its being a name."""

    start: int
    end: int
    part: Part
    score: float
    name: float


# Shares from which on words are a name: one alone, the best of several, each of several.
ALONE = 0.9
BEST = 0.05
EACH = 0.01
# Of one alone: beside a word that says so, as a part of a name that stands elsewhere, of all places together and the best of those.
CUED = 0.3
PART = 0.02
REPEATED = 0.7
REPEATED_BEST = 0.4
# Of the most likely street of an address, with a number and without.
STREET = 0.75
STREET_ALONE = 0.9
# Small words inside of names, which are not always taken for a part of them.
_PARTICLES = frozenset(
    ["al", "bin", "d'", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "el", "la", "le", "ten", "ter", "van", "von", "zu", "zum"]
)  # fmt: skip
_INSIDE_NAMES = frozenset(["", "-", "‐", "'", "’", "."])
_INSIDE_ADDRESSES = frozenset(["", ",", "-", ".", "/", "#", ";", "–", "·"])
_BLANKS = " \t\r\n>"  # also of a letter that is quoted
_FLAT = re.compile(
    r"[\s,.;>]*(?:(?:apt|apartment|suite|ste|unit|flat|floor|room|app|apto|ap|dpto|piso|int|interno|scala|top|t[üu]r|stock|etg|wohnung|whg|bte|bo[îi]te|[ée]tage|bus|lgh|lok|m|kat|daire)\b\.?[ #]{0,2}(?:\d{1,4}[a-z]?)?|(?:#|n[°ºo]\.?)? ?\d{1,4}[a-z]?)[\s,.;>]*",
    re.IGNORECASE,
)
_LONGEST_FLAT = 24
# Behind a street: a town or two, a postcode, a country. Without a postcode, what follows may be the sentence. Nothing that
# a word has inside parts words as well: a text of many hyphens could be cut in millions of ways.
_TOWN = r"(?:,[ \n]{1,2}|\n[> ]{0,3}|[ ])[^\W\d_a-zß-ÿ][\w.'’-]*(?: [^\W\d_a-zß-ÿ][\w.'’-]*){0,3}"
_TAIL = re.compile(
    rf"(?:{_TOWN}){{0,2}},?[ \n>]{{1,4}}(?:[A-Z]{{1,2}}-)?(?:[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}|\d{{2,5}}-\d{{3}}|\d{{3}} \d{{2}}|\d{{4}} [A-Z]{{2}}|\d{{3,6}})\b(?:, [^\W\d_a-zß-ÿ][\w-]+(?: [^\W\d_a-zß-ÿ][\w-]+){{0,2}})?"
)
_LONGEST_TAIL = 90
_LONGEST_GAP = 12
_LONG_ENOUGH = 4
_AROUND = 200  # characters of a line that are looked at
_CODE = frozenset('()[]{}<>=_;|\\/"')


def findings(text: str, words: Iterable[Word]) -> list[Finding]:
    """In order of place, without overlaps."""
    runs = list(_runs(text, words))
    found = [
        made
        for run in _joined(text, (one for one in runs if not _is_name(one[0])))
        if (made := _address(text, run)) is not None
    ]
    weak: list[Word] = []  # that alone would be none
    for run in (one for one in runs if _is_name(one[0])):
        made = _name(text, run)
        if made is not None:
            found.append(made)
        elif len(run) == 1:
            weak.append(run[0])
    found = combined((), found, text)
    found = combined(found, [*_parts(text, found, weak), *_repeated(text, weak)], text)
    return combined(found, _again(text, found), text)


def _parts(text: str, found: Iterable[Finding], weak: Iterable[Word]) -> Iterator[Finding]:
    """A part of a name that stands elsewhere as a whole."""
    scores = {
        part: one.score
        for one in found
        if one.kind == Kind.PERSON
        for part in one.value(text).split()
        if len(part) >= _LONG_ENOUGH and part[0].isupper()
    }
    for word in weak:
        score = scores.get(text[word.start : word.end])
        if score is not None and word.name >= PART:
            yield Finding(word.start, word.end, Kind.PERSON, score, "model.person")


def _repeated(text: str, weak: Iterable[Word]) -> Iterator[Finding]:
    """A word that is a little of a name at each of several places."""
    places: dict[str, list[Word]] = defaultdict(list)
    for word in weak:
        places[text[word.start : word.end]].append(word)
    for same in places.values():
        score = 1 - prod(1 - word.name for word in same)
        if len(same) > 1 and score >= REPEATED and max(word.name for word in same) >= REPEATED_BEST:
            for word in same:
                yield Finding(word.start, word.end, Kind.PERSON, round(score, 4), "model.person")


def _again(text: str, found: Iterable[Finding]) -> Iterator[Finding]:
    """A name stays one where the model does not see it the second time."""
    scores = {one.value(text): one.score for one in found if one.kind == Kind.PERSON}
    names = sorted((name for name in scores if len(name) >= _LONG_ENOUGH), key=len, reverse=True)
    if names:
        for match in re.finditer(rf"\b(?:{'|'.join(map(re.escape, names))})\b", text):
            yield Finding(*match.span(), Kind.PERSON, scores[match[0]], "model.person")


def _is_name(word: Word) -> bool:
    return word.part in (Part.NAME, Part.OTHER)


def _runs(text: str, words: Iterable[Word]) -> Iterator[list[Word]]:
    run: list[Word] = []
    for word in words:
        if _is_name(word) and not _may_be_of_a_name(text, word):
            continue
        if run and not _together(run[-1], word, text[run[-1].end : word.start]):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _may_be_of_a_name(text: str, word: Word) -> bool:
    value = text[word.start : word.end]
    if word.name < EACH or not value[0].isalpha() or _unspaced(value[0]):
        return False
    if not value[0].islower():
        return True
    around = text[max(0, word.start - _AROUND) : word.start].rpartition("\n")[2]
    line = around + text[word.start : word.end + _AROUND].partition("\n")[0]
    return word.part is Part.NAME and line.islower() and not _CODE & set(line)


def _joined(text: str, runs: Iterable[list[Word]]) -> Iterator[list[Word]]:
    """Of addresses, lines between which stands a flat's number that the model does not know."""
    last: list[Word] = []
    for run in runs:
        if last and _goes_on(text, last[-1].end, run[0].start):
            last = last + run
            continue
        if last:
            yield last
        last = run
    if last:
        yield last


def _goes_on(text: str, end: int, start: int) -> bool:
    return start - end <= _LONGEST_FLAT and _FLAT.fullmatch(text, end, start) is not None


def _unspaced(sign: str) -> bool:
    """Scripts that the model was not made for, and takes whole sentences of for a name."""
    return "\u0e00" <= sign <= "\u0e7f" or "\u2e80" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7af"


def _together(one: Word, other: Word, between: str) -> bool:
    if _is_name(one) is not _is_name(other) or len(between) > _LONGEST_GAP:
        return False
    if _is_name(one):
        return "\n" not in between and all(
            small in _PARTICLES or small in _INSIDE_NAMES for small in between.lower().split()
        )
    return between.count("\n") <= 1 and between.strip(_BLANKS) in _INSIDE_ADDRESSES


def _name(text: str, run: Sequence[Word]) -> Finding | None:
    best = max(word.name for word in run)
    start, end = run[0].start, run[-1].end
    least = BEST if len(run) > 1 else CUED if cued(text, start, end) else ALONE
    if best < least or sum(map(str.isalpha, text[start:end])) < 2:
        return None
    return Finding(start, end, Kind.PERSON, round(max(best, 0.5), 4), "model.person")


def _address(text: str, run: Sequence[Word]) -> Finding | None:
    """With a street: a town alone is nobody's address."""
    streets = [word.score for word in run if word.part is Part.STREET and text[word.start].isalpha()]
    start, end = run[0].start, run[-1].end
    numbered = any(map(str.isdigit, text[start:end]))
    if max(streets, default=0) < (STREET if numbered else STREET_ALONE):
        return None
    score = sum(word.score for word in run) / len(run)
    tail = _TAIL.match(text, end, end + _LONGEST_TAIL)
    end = end if tail is None else tail.end()
    return Finding(start, end, Kind.ADDRESS, round(max(score, 0.5), 4), "model.address")
