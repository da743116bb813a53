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
INSPECTOR_MS = 2_000


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


WITHOUT_CHANGE = frozenset({Action.LOG, Action.BLOCK})
_SEVERITY = {action: number for number, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Rule:
    kinds: frozenset[str]
    direction: Direction
    action: Action
    threshold: float
    shadow: bool

    def fits(self, finding: Finding, direction: Direction, *, scored: bool = False) -> bool:
        """`scored`: it scored enough already."""
        return (
            (EVERY in self.kinds or finding.kind in self.kinds)
            and self.direction in (direction, Direction.BOTH)
            and (scored or finding.score >= self.threshold)
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
class Named:
    """An inspector outside of the gateway, as the policies over a key want it asked. Of what several say, the stricter
    counts: the longest deadline, the lowest threshold, a refusal; before our masking only where all want that."""

    name: str
    directions: frozenset[Direction]  # REQUEST, ANSWER or both of them
    deadline_s: float
    refuses: bool
    before_masking: bool
    thresholds: Mapping[str, float]


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
    named: tuple[Named, ...] = ()

    def asks(self, direction: Direction) -> tuple[Named, ...]:
        """Inspectors that texts of this direction go to."""
        return tuple(one for one in self.named if direction in one.directions)

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

    def judged(
        self,
        finding: Finding,
        text: str,
        direction: Direction,
        *,
        whole: bool = False,
        scored: bool = False,
    ) -> list[Decided]:
        """What is to be done with one of an inspector's. `whole`: it is about the whole text, which nothing can stand for.
        `scored`: it scored enough already, whatever rules say."""
        only = WITHOUT_CHANGE if whole else frozenset(Action)
        return self._about(finding, text, direction, only=only, scored=scored)

    def _about(
        self,
        finding: Finding,
        text: str,
        direction: Direction,
        *,
        only: frozenset[Action] = frozenset(Action),
        scored: bool = False,
    ) -> list[Decided]:
        """The strictest that is in force, and the strictest that would be, of those actions that can be taken."""
        made: dict[bool, Action] = {}
        for layer in self.layers:
            fitting = [
                rule
                for rule in layer.rules
                if rule.action in only and rule.fits(finding, direction, scored=scored)
            ]
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
    named = _named(said)
    asked = frozenset[Direction]().union(*(one.directions for one in named))
    return Inspecting(
        layers=layers,
        own=_own(said),
        requests=Direction.REQUEST in asked or any(rule.direction is not Direction.ANSWER for rule in rules),
        answers=any(rule.direction is not Direction.REQUEST for rule in rules),
        threshold=min(rule.threshold for rule in rules),
        refuses=any(one["when_uninspected"] == "refuse" for one in said),
        max_bytes=max(one["max_bytes"] for one in said),
        deadline_s=max(one["deadline_ms"] for one in said) / 1000,
        hold_back=max(one["hold_back"] for one in said),
        digest=sha256(repr(said).encode()).digest(),
        names=_naming(said, rules),
        named=named,
    )


def _named(said: Iterable[Mapping[str, Any]]) -> tuple[Named, ...]:
    made: dict[str, Named] = {}
    for one in (entry for policy in said for entry in policy.get("inspectors", ())):
        named = _one_named(one)
        known = made.get(named.name)
        made[named.name] = named if known is None else _stricter(known, named)
    return tuple(made.values())


def _one_named(said: Mapping[str, Any]) -> Named:
    on = Direction(said["on"])
    return Named(
        name=said["name"],
        directions=frozenset({Direction.REQUEST, Direction.ANSWER} if on is Direction.BOTH else {on}),
        deadline_s=said["deadline_ms"] / 1000,
        refuses=said["on_failure"] == "refuse",
        before_masking=said["before_masking"],
        thresholds=dict(said["thresholds"]),
    )


def _stricter(one: Named, other: Named) -> Named:
    kinds = one.thresholds.keys() | other.thresholds.keys()
    return Named(
        name=one.name,
        directions=one.directions | other.directions,
        deadline_s=max(one.deadline_s, other.deadline_s),
        refuses=one.refuses or other.refuses,
        before_masking=one.before_masking and other.before_masking,
        thresholds={
            kind: min(named.thresholds[kind] for named in (one, other) if kind in named.thresholds)
            for kind in kinds
        },
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


def apart(decided: Iterable[Decided]) -> tuple[Decided, ...]:
    """In order of place, without overlaps among those in force, and among those in shadow: the strictest stays."""
    kept: list[Decided] = []
    for one in sorted(decided, key=_rank):
        start, end = one.finding.start, one.finding.end
        same = (other.finding for other in kept if other.shadow == one.shadow)
        if all(end <= other.start or other.end <= start for other in same):
            kept.append(one)
    return tuple(sorted(kept, key=lambda one: (one.finding.start, one.shadow)))
