"""From both sides to outcomes: which days differ, what their differences consist of, and what that is worth. Pure.

It is asked twice: `uneven` says of which days and models more must be known (minutes there, calls here), `outcomes` takes that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.reconcile.classify import Span, classify
from billing.reconcile.compare import DAY, compare
from billing.reconcile.connectors.base import BATCH, CallRow, CostRow, Facts, UsageRow, midnight
from billing.reconcile.counts import ZERO, Counts, UnitPrices
from billing.reconcile.ledger_side import DayOfOurs
from billing.reconcile.models_named import canonical
from billing.reconcile.pricing import Charged, places_of, priced
from billing.reconcile.records import taken
from billing.reconcile.sides import Call, Cause, Cell, CostLine, DayOutcome, Part

Key = tuple[date, str]  # a day and the canonical name of a model
NOTHING = "the report has nothing of this day"
FINER = "the finer report says another count than the one of the day"
MARGIN = timedelta(minutes=10)  # before what is compared, for calls that count behind midnight
AT_ONCE = 100_000  # calls that are held, at about a kilobyte each; more of a single day
Calls = Callable[[str, datetime, datetime], Sequence[Call]]  # of a model, in a span, by admission
Book = Callable[[date, str, str], UnitPrices | None]  # of a day, by canonical name and the provider's own


@dataclass
class Theirs:
    """What the provider has for one day and model: under our keys, and under others."""

    own: Counts = ZERO
    requests: int = 0
    counted: bool = True
    outside: Counts = ZERO
    batch: Counts = ZERO  # of what is outside
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
            one.batch += row.counts if row.apart == BATCH and self._is_charged_to_us(row) else ZERO
            one.outside_requests += row.requests or 0
            one.outside_keys.add(why)
        else:
            one.own += row.counts
            one.requests += row.requests or 0
            one.counted = one.counted and row.requests is not None

    def _is_charged_to_us(self, row: UsageRow) -> bool:
        """Among our own costs, which tell no batches apart."""
        return not self.facts.costs_by_key or not self.whose.outside(canonical(row.model), row.key, "")

    def _charge(self, one: Theirs, cost: CostRow) -> None:
        if cost.model:
            one.names.add(cost.model)
        if self.facts.costs_by_key and self.whose.outside(canonical(cost.model), cost.key, ""):
            one.outside_amount += cost.amount
        else:
            one.lines.append(CostLine(cost.label, cost.part, cost.amount, cost.quantity))

    @property
    def places(self) -> int:
        return places_of(cost.amount for cost in self.costs)

    @property
    def days_used(self) -> set[date]:
        """Of which there is any usage, ours or not."""
        return {row.start.date() for row in self.usage}

    @property
    def days_charged(self) -> set[date]:
        return {cost.day for cost in self.costs}

    def as_told(self, ours: Mapping[Key, DayOfOurs]) -> dict[Key, DayOfOurs]:
        """Our side with all models of a day as one, where a file names none."""
        if not self.facts.in_part:
            return dict(ours)
        rows = [(row.start.date(), row.model) for row in self.usage] + [
            (cost.day, cost.model) for cost in self.costs
        ]
        nameless = {day for day, _ in rows} - {day for day, model in rows if model}
        found: dict[Key, DayOfOurs] = defaultdict(DayOfOurs)
        for (day, model), here in ours.items():
            found[day, "" if day in nameless else model] += here
        return dict(found)

    def against(self, ours: Mapping[Key, DayOfOurs]) -> dict[Key, Theirs]:
        """By day and model. Of days of which a file tells money alone, tokens are taken for ours."""
        found = self.by_day()
        silent = self.days_charged - self.days_used if self.facts.in_part else set()
        for key, here in ours.items():
            if key[0] in silent:
                one = found.setdefault(key, Theirs())
                one.own, one.requests = here.counts, here.requests
        return found

    def unseen(self, ours: Mapping[Key, DayOfOurs]) -> dict[Key, str]:
        """What of ours is of days of which the report has nothing at all. It may be a report that is not there."""
        told = self.days_used | (self.days_charged if self.facts.in_part else set())
        return {key: NOTHING for key, here in ours.items() if here.counts and key[0] not in told}


def uneven(bill: Bill, ours: Mapping[Key, DayOfOurs]) -> set[Key]:
    """Days and models whose tokens or requests differ."""
    theirs = bill.against(ours)
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
    calls: Calls,
    minutes: Sequence[UsageRow],
    book: Book,
    is_final: Callable[[date], bool],
    *,
    unseen: Mapping[Key, str] | None = None,
    known: Mapping[str, CallRow] | None = None,
    told: Callable[[], None] = lambda: None,
) -> list[DayOutcome]:
    """Of every day and model that either side has. `calls` are asked for as they are needed, of `differing` alone.

    `unseen` are days and models that nobody looked into, and why: they stay unexplained. `known` is what the provider has of single
    calls, by the names of their answers. `told` is called between models.
    """
    theirs = bill.against(ours)
    unseen = {**_without_minutes(bill, theirs, differing, minutes), **(unseen or {}), **bill.unseen(ours)}
    parts = _explained(bill, ours, differing - unseen.keys(), calls, minutes, known or {}, is_final, told)
    places = bill.places  # of all rows of costs, so once
    made = []
    for key in sorted({*theirs, *ours}):
        there, here = theirs.get(key, Theirs()), ours.get(key, DayOfOurs())
        left = there.own - here.counts
        own = _balanced(key, parts.get(key, []), left, is_final(key[0]), unseen.get(key, FINER))
        asked = book(*key, min(here.names) if here.names else min(there.names, default=key[1]))
        outcome = _outcome(key, own, there, here, bill, places, asked, is_final(key[0]))
        outcome.check()
        made.append(outcome)
    return made


def _explained(
    bill: Bill,
    ours: Mapping[Key, DayOfOurs],
    differing: set[Key],
    calls: Calls,
    minutes: Sequence[UsageRow],
    known: Mapping[str, CallRow],
    is_final: Callable[[date], bool],
    told: Callable[[], None],
) -> dict[Key, list[Part]]:
    found: dict[Key, list[Part]] = defaultdict(list)
    for model in sorted({model for _, model in differing}):
        days = {day for day, one in differing if one == model}
        rows = _rows_of(bill, model, minutes)
        for first, last in stretches(
            sorted(days), {day: ours[day, model].requests for day in days if (day, model) in ours}
        ):
            told()
            goes_on = last + DAY >= bill.until or last + DAY in days
            span = Span(midnight(first), midnight(last) + DAY, is_final, open_end=goes_on)
            margin = MARGIN if first <= bill.since or first - DAY in days else timedelta(0)
            some = calls(model, span.since - margin, span.until)
            cells = _cells(rows, first, last)
            for part in _of_stretch(some, cells, known, model, span):
                found[part.day, model].append(part)
    return found


def _of_stretch(
    calls: Sequence[Call], cells: Sequence[Cell], known: Mapping[str, CallRow], model: str, span: Span
) -> list[Part]:
    """What is known call by call as it is; only the rest is looked for."""
    if not known:
        return classify(compare(calls, cells, since=span.since, until=span.until), span)
    left = taken(calls, cells, known, model, span)
    compared = compare(left.calls, left.cells, since=span.since, until=span.until, beside=left.beside)
    return [*left.parts, *classify(compared, span)]


def stretches(days: Sequence[date], calls: Mapping[date, int]) -> list[tuple[date, date]]:
    """First and last of days, in order, that follow one another without a gap, as long as they have no more than AT_ONCE calls."""
    runs: list[tuple[date, date]] = []
    room = AT_ONCE
    for day in days:
        room -= calls.get(day, 0)
        if runs and runs[-1][1] + DAY == day and room >= 0:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
            room = AT_ONCE - calls.get(day, 0)
    return runs


def _without_minutes(
    bill: Bill, theirs: Mapping[Key, Theirs], differing: set[Key], minutes: Sequence[UsageRow]
) -> dict[Key, str]:
    """The day has a count, and the finer report of it nothing: no call is missing for that."""
    if not bill.facts.by_minute:
        return {}
    told = {(row.start.date(), canonical(row.model)) for row in minutes}
    return {key: FINER for key in differing if key not in told and theirs.get(key, Theirs()).own}


def _rows_of(bill: Bill, model: str, minutes: Sequence[UsageRow]) -> list[UsageRow]:
    """What was counted under our keys, as finely as the provider says, in order."""
    rows = minutes if bill.facts.by_minute else bill.usage
    own = [
        row
        for row in rows
        if canonical(row.model) == model and not bill.whose.outside(model, row.key, row.apart)
    ]
    return sorted(own, key=lambda row: row.start)


def _cells(rows: Sequence[UsageRow], first: date, last: date) -> list[Cell]:
    """By start. Those of several keys are one."""
    found: dict[datetime, Cell] = {}
    for row in rows:
        if not first <= row.start.date() <= last:
            continue
        held = found.get(row.start)
        counts = row.counts + held.counts if held else row.counts
        requests = None if row.requests is None else row.requests + ((held.requests or 0) if held else 0)
        found[row.start] = Cell(row.start, row.width, counts, requests)
    return list(found.values())


def _balanced(key: Key, parts: Iterable[Part], difference: Counts, final: bool, note: str) -> list[Part]:
    """With what nobody looked into, or the report by minute has otherwise than the one by day."""
    made = list(parts)
    left = difference - sum((part.counts for part in made), Counts())
    if left:
        cause = Cause.LATE if not final and left.is_shortfall else Cause.UNEXPLAINED
        made.append(Part(cause, key[0], left, note=note))
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
    by_key, told = bill.facts.costs_by_key, not bill.facts.in_part or day in bill.days_charged
    charged = Charged(
        lines=there.lines or None,
        theirs=there.own + (there.batch if by_key else there.outside),
        outside_nano=_nano(there.outside_amount) if by_key and told else None,
        places=places,
        batch=there.batch,
        told=told,
        of_model=bool(model) or not bill.facts.in_part,
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
