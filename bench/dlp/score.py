"""Findings against gold: a gold span is found if a finding of its kind covers at least half of it and is at most twice as long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.dlp.documents import Document, Gold
from dlp.findings import Finding


@dataclass
class Counts:
    found: int = 0
    missed: int = 0
    wrong: int = 0

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def add(self, other: Counts) -> None:
        self.found += other.found
        self.missed += other.missed
        self.wrong += other.wrong


@dataclass
class Score:
    by_kind: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    by_language: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    by_both: dict[tuple[str, str], Counts] = field(default_factory=lambda: defaultdict(Counts))
    gold_characters: int = 0
    masked_characters: int = 0
    clean: int = 0
    touched: int = 0
    documents: int = 0
    misses: list[str] = field(default_factory=list)

    def total(self, kinds: Iterable[str] | None = None) -> Counts:
        made = Counts()
        for kind, counts in self.by_kind.items():
            if kinds is None or kind in kinds:
                made.add(counts)
        return made


def scored(documents: Iterable[Document], find: Callable[[str], tuple[Finding, ...]]) -> Score:
    score = Score()
    for document in documents:
        findings = find(document.text)
        score.documents += 1
        if not document.spans:
            score.clean += 1
            score.touched += bool(findings)
        _compare(score, document, findings)
    return score


def _compare(score: Score, document: Document, findings: tuple[Finding, ...]) -> None:
    left = list(findings)
    for gold in document.spans:
        score.gold_characters += gold.end - gold.start
        score.masked_characters += sum(_shared(gold, one) for one in findings)
        match = next((one for one in left if one.kind == gold.kind and _matches(gold, one)), None)
        if match is None:
            _count(score, document, gold.kind, Counts(missed=1))
            score.misses.append(f"missed {document.language} {document.form} {gold.kind}: {document.text[max(0, gold.start - 30) : gold.end]!r}")  # fmt: skip
        else:
            left.remove(match)
            _count(score, document, gold.kind, Counts(found=1))
    for one in left:
        _count(score, document, one.kind, Counts(wrong=1))
        score.misses.append(f"wrong {document.language} {document.form} {one.rule} {one.score}: {document.text[max(0, one.start - 30) : one.end + 6]!r}")  # fmt: skip


def _count(score: Score, document: Document, kind: str, counts: Counts) -> None:
    score.by_kind[kind].add(counts)
    score.by_language[document.language].add(counts)
    score.by_both[kind, document.language].add(counts)


def _shared(gold: Gold, one: Finding) -> int:
    return max(0, min(gold.end, one.end) - max(gold.start, one.start))


def _matches(gold: Gold, one: Finding) -> bool:
    length = gold.end - gold.start
    return 2 * _shared(gold, one) >= length and one.end - one.start <= 2 * length
