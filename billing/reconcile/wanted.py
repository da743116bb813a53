"""Which exceptions a run's outcomes make, and what each would post. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.proposals import Adjustment, Share, proposed
from billing.reconcile.sides import Cause, DayOutcome, Part
from billing.reconcile.tolerance import BY_ITSELF, tolerance

MOST_EVIDENCE = 200  # events that one names
ESTIMATED = "estimated"  # the usage source of calls whose input we counted and padded
Key = tuple[date, str, str]  # day, model, cause


@dataclass(frozen=True, slots=True)
class Wanted:
    """An exception as this run sees it."""

    key: Key
    parts: tuple[Part, ...]
    adjustments: tuple[Adjustment, ...]

    @property
    def counts(self) -> Counts:
        return sum((part.counts for part in self.parts), ZERO)

    @property
    def money_nano(self) -> int:
        return sum(part.money_nano for part in self.parts)

    def fields(self) -> dict[str, Any]:
        events = dict.fromkeys(str(call.event_id) for part in self.parts for call in part.calls)
        return {
            "tokens": self.counts.as_json(),
            "requests": sum(part.requests for part in self.parts),
            "money_nano": self.money_nano,
            "note": "; ".join(dict.fromkeys(part.note for part in self.parts if part.note))[:500],
            "evidence": list(events)[:MOST_EVIDENCE],
            "adjustments": [one.as_json() for one in self.adjustments],
            "facts": self.facts(),
        }

    def facts(self) -> dict[str, Any]:
        """What the estimator can learn of it: of calls that it padded. Others have what was reserved, or a part of the answer."""
        if self.key[2] != Cause.ESTIMATE:
            return {}
        calls = [call for part in self.parts for call in part.calls]
        padded = [part for part in self.parts if all(call.source == ESTIMATED for call in part.calls)]
        estimated = sum(call.counts.input for part in padded for call in part.calls)
        return {
            "calls": sum(len(part.calls) for part in padded),
            "estimated_input": estimated,
            "counted_input": estimated + sum(part.counts.input for part in padded),
            "sources": dict(Counter(call.source for call in calls)),
        }


def wanted_of(
    connector: str,
    tolerances: Mapping[str, Any],
    found: Iterable[DayOutcome],
    shares: Callable[[DayOutcome], Sequence[Share]],
) -> Iterator[Wanted]:
    """`shares`: of each key in a day's costs, among which a difference in price is shared."""
    for outcome in found:
        by_cause: dict[Cause, list[Part]] = defaultdict(list)
        for part in outcome.parts:
            by_cause[part.cause].append(part)
        for cause, parts in by_cause.items():
            if cause in BY_ITSELF or not (outcome.final or cause is Cause.OUTSIDE):
                continue
            whole = Part(cause, outcome.day, _sum(parts), money_nano=sum(part.money_nano for part in parts))
            if tolerance(connector, cause, tolerances).passes(whole, outcome):
                continue
            # what no model is named of has no price of its own
            theirs = shares(outcome) if cause is Cause.PRICE else ()
            made = proposed(cause, parts, theirs) if outcome.model else []
            yield Wanted((outcome.day, outcome.model, str(cause)), tuple(parts), tuple(made))


def _sum(parts: Iterable[Part]) -> Counts:
    return sum((part.counts for part in parts), ZERO)
