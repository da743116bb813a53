"""Findings in a text, and which of those that overlap stay."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dlp.kinds import Kind

# What rules and the model see different parts of: the parts that adjoin are one.
_WHOLE = frozenset({Kind.PERSON, Kind.ADDRESS})
_SEPARATORS = frozenset(" \t\r\n,.;:()[]<>|\"'")


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """`start` and `end` count characters; `kind` is a Kind or a tenant's own type; `score` is 0 to 1."""

    start: int
    end: int
    kind: str
    score: float
    rule: str

    def value(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True)
class Scan:
    """`capped` is true when a part of the text was not looked at."""

    findings: tuple[Finding, ...]
    capped: bool = False


def resolved(findings: Iterable[Finding], text: str) -> list[Finding]:
    """In order of place, without overlaps: the higher score stays, then the longer one, then the earlier one. What of the
    others stands out beyond those that stay is a finding of its own type still."""
    best = sorted(findings, key=lambda one: (-one.score, one.start - one.end, one.start, one.kind, one.rule))
    return _kept([], best, text)


def combined(rules: Iterable[Finding], model: Iterable[Finding], text: str) -> list[Finding]:
    """Both without overlaps, in order of place. Where a rule found something it stays whole, whatever the model's score:
    what a rule says was checked. What a model's finding has beyond it stays, and of a name or an address becomes a part of it."""
    return _kept(sorted(rules), model, text)


def beyond(rules: Sequence[Finding], model: Iterable[Finding], text: str) -> list[Finding]:
    """What the model's findings add to those of the rules, which do not overlap: pieces outside of them and, where a name or an
    address goes on in one of them, the whole."""
    known = frozenset(rules)
    return [one for one in combined(rules, model, text) if one not in known]


def uncovered(one: Finding, kept: Sequence[Finding], text: str) -> list[Finding]:
    """What of a finding stands outside of those that are kept, which are in order and do not overlap; separators at the
    edges are no part of it. The finding itself where nothing is in its way."""
    place, pieces = one.start, []
    for at in range(bisect_right(kept, one.start, key=_end), len(kept)):
        other = kept[at]
        if other.start >= one.end:
            break
        pieces.append((place, other.start))
        place = other.end
    if not pieces:
        return [one]
    return [made for start, end in (*pieces, (place, one.end)) if (made := _piece(one, start, end, text))]


def _kept(kept: list[Finding], more: Iterable[Finding], text: str) -> list[Finding]:
    """`kept` is ordered by start and without overlaps, so its ends are in order too."""
    for one in more:
        pieces = uncovered(one, kept, text)
        if one.kind in _WHOLE and pieces != [one]:
            pieces = _grown(one, kept, pieces)
        for piece in pieces:
            insort(kept, piece)
    return kept


def _grown(one: Finding, kept: list[Finding], pieces: list[Finding]) -> list[Finding]:
    """The pieces of it that do not adjoin a finding of its type that it overlaps; those that do become a part of that,
    which is taken out of `kept`. What stands between is a piece as well, or parts them."""
    first = bisect_right(kept, one.start, key=_end)
    inside = kept[first : bisect_left(kept, one.end, lo=first, key=_start)]
    made: list[Finding] = []
    for part in sorted([*inside, *pieces]):
        if made and made[-1].kind == part.kind == one.kind:
            better = max(made[-1], part, key=lambda each: each.score)
            made[-1] = replace(better, start=made[-1].start, end=part.end)
        else:
            made.append(part)
    del kept[first : first + len(inside)]
    return made


def _piece(one: Finding, start: int, end: int, text: str) -> Finding | None:
    while start < end and text[start] in _SEPARATORS:
        start += 1
    while start < end and text[end - 1] in _SEPARATORS:
        end -= 1
    if one.kind == Kind.EMAIL and text[start : start + 1] == "@":
        return None  # a host's name is nobody's
    return replace(one, start=start, end=end) if any(map(str.isalnum, text[start:end])) else None


def _end(one: Finding) -> int:
    return one.end


def _start(one: Finding) -> int:
    return one.start
