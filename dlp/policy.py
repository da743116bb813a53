"""What the policies over a key say together about personal data: which rules, and what becomes of what they find.

Each policy of the chain keeps its own rules and its own allow-list, so that nobody below weakens what somebody above wants:
of all rules that fit a finding, the strictest holds.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any

from dlp.detectors.custom import Allowed, dictionary_rules, pattern_rule
from dlp.detectors.rule import Rule as Detecting
from dlp.findings import Finding, uncovered
from dlp.kinds import Kind

EVERY = "*"
THRESHOLD = 0.5
MAX_BYTES = 2_000_000  # UTF-8 of the texts of one request
DEADLINE_MS = 5_000
HOLD_BACK = 128  # characters of an answer
NAMES_DEADLINE_MS = 2_000
NAMED = frozenset({Kind.PERSON, Kind.ADDRESS})  # what the model finds


class Action(StrEnum):
    """The mildest first."""

    LOG = "log"
    TOKENIZE = "tokenize"
    HASH = "hash"
    MASK = "mask"
    BLOCK = "block"


class Direction(StrEnum):
    REQUEST = "request"
    ANSWER = "answer"
    BOTH = "both"


_SEVERITY = {action: number for number, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Rule:
    kinds: frozenset[str]
    direction: Direction
    action: Action
    threshold: float
    shadow: bool

    def fits(self, finding: Finding, direction: Direction) -> bool:
        return (
            (EVERY in self.kinds or finding.kind in self.kinds)
            and self.direction in (direction, Direction.BOTH)
            and finding.score >= self.threshold
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """One policy's."""

    rules: tuple[Rule, ...]
    allowed: Allowed


@dataclass(frozen=True, slots=True)
class Decided:
    """A finding and what is to be done with it. One in `shadow` is only told of."""

    finding: Finding
    action: Action
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """Patterns and dictionaries of an organization, as its policies spell them; `digest` tells two apart."""

    patterns: tuple[tuple[str, str], ...]
    dictionaries: tuple[tuple[str, tuple[str, ...]], ...]
    digest: bytes

    def rules(self) -> list[Detecting]:
        """ValueError with the fault's words for one that cannot run."""
        made = [pattern_rule(f"own.{number}", *one) for number, one in enumerate(self.patterns)]
        for number, (kind, terms) in enumerate(self.dictionaries):
            made += dictionary_rules(f"own.words.{number}", kind, terms)
        return made


@dataclass(frozen=True, slots=True)
class Naming:
    """Names and addresses are looked for by the model too. `refuses`: where it did not look, nothing goes on."""

    requests: bool  # whether a rule about them would want to know
    answers: bool
    deadline_s: float
    refuses: bool

    def wanted(self, direction: Direction) -> bool:
        return self.requests if direction is Direction.REQUEST else self.answers


@dataclass(frozen=True, slots=True)
class Inspecting:
    """`refuses`: what could not be inspected is refused rather than passed and marked."""

    layers: tuple[Layer, ...]
    own: Own | None
    requests: bool  # whether a rule is about them
    answers: bool
    threshold: float  # below which no rule wants to know
    refuses: bool
    max_bytes: int
    deadline_s: float
    hold_back: int
    digest: bytes  # of all that is said
    names: Naming | None = None

    def decided(self, findings: Iterable[Finding], text: str, direction: Direction) -> tuple[Decided, ...]:
        """In order of place. None overlaps another one, of those in force and of those in shadow; where findings do, the
        strictest action stays, then the better score, then the longer one; and of the others what stands out beyond it."""
        found = [one for finding in findings for one in self._about(finding, text, direction)]
        found.sort(key=_rank)
        kept: list[Decided] = []
        taken: dict[bool, list[Finding]] = {False: [], True: []}
        for one in found:
            for piece in uncovered(one.finding, taken[one.shadow], text):
                insort(taken[one.shadow], piece)
                kept.append(replace(one, finding=piece))
        return tuple(sorted(kept, key=lambda one: (one.finding.start, one.shadow)))

    def _about(self, finding: Finding, text: str, direction: Direction) -> list[Decided]:
        """The strictest that is in force, and the strictest that would be."""
        made: dict[bool, Action] = {}
        for layer in self.layers:
            fitting = [rule for rule in layer.rules if rule.fits(finding, direction)]
            if not fitting or layer.allowed.spares(finding, text):
                continue
            for rule in fitting:
                known = made.get(rule.shadow)
                if known is None or _SEVERITY[rule.action] > _SEVERITY[known]:
                    made[rule.shadow] = rule.action
        return [Decided(finding, action, shadow) for shadow, action in made.items()]


def inspecting(documents: Iterable[Mapping[str, Any]], allow_key: bytes = b"") -> Inspecting | None:
    """Of the policies over a key, as revisions store them. None when no rule is in any of them.

    `allow_key` is the organization's, of the digests in allow-lists; without it they spare nothing.
    """
    said = [document["dlp"] for document in documents if document.get("dlp")]
    layers = tuple(_layer(one, allow_key) for one in said if one["rules"])
    rules = [rule for layer in layers for rule in layer.rules]
    if not rules:
        return None
    return Inspecting(
        layers=layers,
        own=_own(said),
        requests=any(rule.direction is not Direction.ANSWER for rule in rules),
        answers=any(rule.direction is not Direction.REQUEST for rule in rules),
        threshold=min(rule.threshold for rule in rules),
        refuses=any(one["when_uninspected"] == "refuse" for one in said),
        max_bytes=max(one["max_bytes"] for one in said),
        deadline_s=max(one["deadline_ms"] for one in said) / 1000,
        hold_back=max(one["hold_back"] for one in said),
        digest=sha256(repr(said).encode()).digest(),
        names=_naming(said, rules),
    )


def _naming(said: list[Mapping[str, Any]], rules: list[Rule]) -> Naming | None:
    """One policy that asks for it is enough."""
    asking = [names for one in said if (names := one.get("names") or {}).get("by") == "model"]
    about = [rule for rule in rules if EVERY in rule.kinds or rule.kinds & NAMED]
    if not asking or not about:
        return None
    return Naming(
        requests=any(rule.direction is not Direction.ANSWER for rule in about),
        answers=any(rule.direction is not Direction.REQUEST for rule in about),
        deadline_s=max(one["deadline_ms"] for one in asking) / 1000,
        refuses=any(one["when_uninspected"] == "refuse" for one in asking),
    )


def _layer(said: Mapping[str, Any], allow_key: bytes) -> Layer:
    rules = [
        Rule(
            frozenset(one["types"]),
            Direction(one["direction"]),
            Action(one["action"]),
            float(one["threshold"]),
            one["shadow"],
        )
        for one in said["rules"]
    ]
    allow = said["allow"]
    values = [(one["value"], one["type"]) for one in allow if "value" in one]
    digests = [(one["digest"], one["type"]) for one in allow if "digest" in one]
    return Layer(tuple(rules), Allowed(values, digests, allow_key))


def _own(said: list[Mapping[str, Any]]) -> Own | None:
    patterns = {(one["name"], one["pattern"]): None for policy in said for one in policy["patterns"]}
    words = {(one["name"], tuple(one["terms"])): None for policy in said for one in policy["dictionaries"]}
    if not patterns and not words:
        return None
    return Own(tuple(patterns), tuple(words), sha256(repr((*patterns, *words)).encode()).digest())


def _rank(one: Decided) -> tuple[float, ...]:
    finding = one.finding
    return -_SEVERITY[one.action], -finding.score, finding.start - finding.end, finding.start
