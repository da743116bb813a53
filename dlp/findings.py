"""Findings in a text, and which of those that overlap stay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
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


def resolved(findings: Iterable[Finding]) -> list[Finding]:
    """In order of place, without overlaps: the higher score stays, then the longer one, then the earlier one."""
    best = sorted(findings, key=lambda one: (-one.score, one.start - one.end, one.start, one.kind, one.rule))
    kept: list[Finding] = []  # ordered by start, so its ends are in order too
    for one in best:
        at = bisect_left(kept, one.start, key=lambda other: other.start)
        before_is_free = at == 0 or kept[at - 1].end <= one.start
        if before_is_free and (at == len(kept) or one.end <= kept[at].start):
            kept.insert(at, one)
    return kept


def combined(rules: Iterable[Finding], model: Iterable[Finding]) -> list[Finding]:
    """Both without overlaps, in order of place. Where a rule found something a model's finding is left out, whatever its
    score: what a rule says was checked."""
    kept = sorted(rules)
    by_rules = list(kept)
    for one in model:
        at = bisect_left(by_rules, one.end, key=lambda other: other.start)
        if at == 0 or by_rules[at - 1].end <= one.start:
            kept.append(one)
    return sorted(kept)
