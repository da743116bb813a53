"""From both sides to outcomes: which days differ, what their differences consist of, and what that is worth. Pure.

It is asked twice: `uneven` says of which days and models more must be known (minutes there, calls here), `outcomes` takes that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from billing.reconcile.classify import Span, classify
from billing.reconcile.compare import DAY, compare
from billing.reconcile.connectors.base import CostRow, Facts, UsageRow, midnight
from billing.reconcile.counts import ZERO, Counts, UnitPrices
from billing.reconcile.ledger_side import DayOfOurs
from billing.reconcile.models_named import canonical
from billing.reconcile.pricing import Charged, places_of, priced
from billing.reconcile.sides import Call, Cause, Cell, CostLine, DayOutcome, Part

Key = tuple[date, str]  # a day and the canonical name of a model
MARGIN = timedelta(minutes=10)  # before and behind what is compared, for calls about midnight
Book = Callable[[date, str, str], UnitPrices | None]  # of a day, by canonical name and the provider's own


@dataclass
class Theirs:
    """What the provider has for one day and model: under our keys, and under others."""

    own: Counts = ZERO
    requests: int = 0
    counted: bool = True
    outside: Counts = ZERO
    outside_requests: int = 0
    outside_keys: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    lines: list[CostLine] = field(default_factory=list)
    outside_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Whose:
    """Which rows are of our keys. Without `own_keys` all of them are, of models that we have called."""

    own_keys: frozenset[str]
    used: frozenset[str]

    def outside(self, model: str, key: str | None, apart: str) -> str:
        """Why a row is none of ours; empty when it is."""
        if apart:
            return apart
        if self.own_keys and key is not None and key not in self.own_keys:
            return key or "without a key"
        return "" if not model or model in self.used else f"{key or 'a key'}, a model that was never called"


@dataclass(frozen=True, slots=True)
class Bill:
    """The provider's reports of a span of days."""

    facts: Facts
    since: date
    until: date
    usage: Sequence[UsageRow]
    costs: Sequence[CostRow]
    whose: Whose

    def by_day(self) -> dict[Key, Theirs]:
        found: dict[Key, Theirs] = defaultdict(Theirs)
        for row in self.usage:
            self._use(found[row.start.date(), canonical(row.model)], row)
        for cost in self.costs:
            self._charge(found[cost.day, canonical(cost.model)], cost)
        return dict(found)

    def _use(self, one: Theirs, row: UsageRow) -> None:
        one.names.add(row.model)
        why = self.whose.outside(canonical(row.model), row.key, row.apart)
        if why:
            one.outside += row.counts
            one.outside_requests += row.requests or 0
            one.outside_keys.add(why)
        else:
            one.own += row.counts
            one.requests += row.requests or 0
            one.counted = one.counted and row.requests is not None

    def _charge(self, one: Theirs, cost: CostRow) -> None:
        if cost.model:
            one.names.add(cost.model)
        if cost.key is not None and self.whose.outside(canonical(cost.model), cost.key, ""):
            one.outside_amount += cost.amount
        else:
            one.lines.append(CostLine(cost.label, cost.part, cost.amount, cost.quantity))

    @property
    def places(self) -> int:
        return places_of(cost.amount for cost in self.costs)


def uneven(bill: Bill, ours: Mapping[Key, DayOfOurs]) -> set[Key]:
    """Days and models whose tokens or requests differ."""
    theirs = bill.by_day()
    found = set()
    for key in {*theirs, *ours}:
        there, here = theirs.get(key, Theirs()), ours.get(key, DayOfOurs())
        requests = (
            there.counted
            and bill.facts.counts_requests
            and there.requests != here.requests
            and not here.mixed
        )
        if there.own != here.counts or requests:
            found.add(key)
    return found


def outcomes(
    bill: Bill,
    ours: Mapping[Key, DayOfOurs],
    differing: set[Key],
    calls: Mapping[str, Sequence[Call]],
    minutes: Sequence[UsageRow],
    book: Book,
    is_final: Callable[[date], bool],
) -> list[DayOutcome]:
    """Of every day and model that either side has. `calls` by model, of the days of `differing` with a margin around."""
    theirs, parts = bill.by_day(), _explained(bill, differing, calls, minutes, is_final)
    places = bill.places  # of all rows of costs, so once
    made = []
    for key in sorted({*theirs, *ours}):
        there, here = theirs.get(key, Theirs()), ours.get(key, DayOfOurs())
        own = _balanced(key, parts.get(key, []), there.own - here.counts, is_final(key[0]))
        asked = book(*key, min(here.names) if here.names else min(there.names, default=key[1]))
        outcome = _outcome(key, own, there, here, bill, places, asked, is_final(key[0]))
        outcome.check()
        made.append(outcome)
    return made


def _explained(
    bill: Bill,
    differing: set[Key],
    calls: Mapping[str, Sequence[Call]],
    minutes: Sequence[UsageRow],
    is_final: Callable[[date], bool],
) -> dict[Key, list[Part]]:
    found: dict[Key, list[Part]] = defaultdict(list)
    for model in sorted({model for _, model in differing}):
        for first, last in _runs(sorted(day for day, one in differing if one == model)):
            span = Span(midnight(first), midnight(last) + DAY, is_final, open_end=last + DAY >= bill.until)
            margin = MARGIN if first <= bill.since else timedelta(0)
            some = [call for call in calls.get(model, ()) if span.since - margin <= call.at < span.until]
            cells = _cells(bill, model, first, last, minutes)
            for part in classify(compare(some, cells, since=span.since, until=span.until), span):
                found[part.day, model].append(part)
    return found


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last days of stretches without a gap."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and runs[-1][1] + DAY == day:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _cells(bill: Bill, model: str, first: date, last: date, minutes: Sequence[UsageRow]) -> list[Cell]:
    """What was counted under our keys, as finely as the provider says."""
    rows = minutes if bill.facts.by_minute else bill.usage
    found: dict[object, Cell] = {}
    for row in rows:
        name = canonical(row.model)
        if name != model or not first <= row.start.date() <= last:
            continue
        if bill.whose.outside(name, row.key, row.apart):
            continue
        held = found.get(row.start)
        counts = row.counts + held.counts if held else row.counts
        requests = None if row.requests is None else row.requests + ((held.requests or 0) if held else 0)
        found[row.start] = Cell(row.start, row.width, counts, requests)
    return sorted(found.values(), key=lambda cell: cell.start)


def _balanced(key: Key, parts: Iterable[Part], difference: Counts, final: bool) -> list[Part]:
    """With what the report by minute has otherwise than the one by day."""
    made = list(parts)
    left = difference - sum((part.counts for part in made), Counts())
    if left:
        cause = Cause.LATE if not final and left.is_shortfall else Cause.UNEXPLAINED
        made.append(
            Part(cause, key[0], left, note="the finer report says another count than the one of the day")
        )
    return made


def _outcome(
    key: Key,
    parts: list[Part],
    there: Theirs,
    here: DayOfOurs,
    bill: Bill,
    places: int,
    book: UnitPrices | None,
    final: bool,
) -> DayOutcome:
    day, model = key
    if there.outside or there.outside_amount:
        note = ", ".join(sorted(there.outside_keys))[:500]
        parts = [*parts, Part(Cause.OUTSIDE, day, there.outside, there.outside_requests, note=note)]
    charged = Charged(
        lines=there.lines or None,
        theirs=there.own if bill.facts.costs_by_key else there.own + there.outside,
        outside_nano=_nano(there.outside_amount) if bill.facts.costs_by_key else None,
        places=places,
    )
    calls = here.requests + sum(abs(part.requests) for part in parts) + 1
    found = priced(day, parts, here.cost_nano, calls, charged, book, final=final)
    return DayOutcome(
        day=day,
        model=model,
        ours=here.counts,
        theirs=there.own + there.outside,
        ours_nano=here.cost_nano,
        theirs_nano=found.theirs_nano,
        parts=_merged(found.parts),
        final=final,
        calls=here.requests,
        estimated_nano=here.estimated_nano,
        implied=dict(found.implied),
    )


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.counts or part.money_nano or part.requests)


def _nano(amount: Decimal) -> int:
    return round(amount * 1_000_000_000)
