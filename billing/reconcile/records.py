"""Where the provider tells single calls: what it has of ours is taken from both sides, and only the rest is looked for. Pure.

A record leaves nothing to be guessed: a call is there with other tokens, on another day, twice, or not at all. What remains of
a day then is what no known call explains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import combinations

from billing.reconcile.classify import ALIKE, BY_CHANCE, Span
from billing.reconcile.connectors.base import DAY, CallRow, TellsCalls, midnight
from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.models_named import canonical
from billing.reconcile.moves import move
from billing.reconcile.search import Atom, by_chance, exactly
from billing.reconcile.sides import Call, Cause, Cell, Part

TWO_ENTRIES = "two entries of ours name the same answer"
EARLIER = "an earlier try of it was charged too"
OTHERWISE = "the provider has other tokens for this call than its answer had"
MOST_TRIES = 8  # of one call, of which every set is looked at
MAY_BE_THERE = "the provider has no record of it, yet more calls than it has records of"


@dataclass
class Rest:
    """What a day has there beyond the calls that were taken."""

    counts: Counts = ZERO
    requests: int = 0

    def less(self, counts: Counts) -> None:
        self.counts -= counts
        self.requests -= 1 if counts else 0

    def holds(self, call: Call) -> bool:
        return self.requests >= call.requests and min((self.counts - call.counts).values) >= 0


@dataclass
class Taken:
    """`parts`: how known calls differ. `cells` and `calls` are what is left of both sides; any of `beside` may have been counted
    twice for all that is known.
    """

    parts: list[Part] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    beside: list[Call] = field(default_factory=list)


def taken(
    calls: Sequence[Call], cells: Sequence[Cell], known: Mapping[str, CallRow], model: str, span: Span
) -> Taken:
    """Of one model. Calls of which nothing is known are left as they are, and cells of less than a day are not looked at."""
    work = _Work(known, model, span)
    for call in calls:
        work.take(call)
    work.settle_absent({cell.start.date(): cell for cell in cells})
    work.made.cells = work.left_of(cells)
    return work.made


@dataclass
class _Work:
    known: Mapping[str, CallRow]
    model: str
    span: Span
    made: Taken = field(default_factory=Taken)
    away: dict[date, Rest] = field(default_factory=lambda: defaultdict(Rest))  # below zero: of known calls
    absent: list[Call] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def take(self, call: Call) -> None:
        row = self.known.get(call.upstream_id or "")
        if row is None or (row.found and canonical(row.model) != self.model):
            self.made.calls.append(call)
            return
        tries = self._earlier(call)
        held = _held(call, row, tries)
        for one in tries:
            self._try(call, one, is_held=one in held)
        # a try of which there is a record, or none, is no evidence of another
        told = [name in self.known for name in call.earlier_ids]
        call = replace(
            call,
            counts=call.counts - _whole(held),
            requests=max(0, call.requests - len(held)),
            retried=call.retried and not (told and all(told)),
        )
        if row.name in self.seen:
            self._part(Cause.DUPLICATE, call.day, -call.counts, -call.requests, call, note=TWO_ENTRIES)
            return
        self.seen.add(row.name)
        if row.found:
            self._there(call, row)
        elif self.span.has(call) and call.counts:
            self.absent.append(call)

    def _earlier(self, call: Call) -> list[CallRow]:
        """Its earlier tries that were charged for this model. What another model's cost is of that model's day."""
        names = dict.fromkeys(name for name in call.earlier_ids if name not in self.seen)
        rows = [self.known[name] for name in names if name in self.known and name != call.upstream_id]
        return [row for row in rows if row.found and row.counts and canonical(row.model) == self.model]

    def _try(self, call: Call, row: CallRow, *, is_held: bool) -> None:
        self.seen.add(row.name)
        day = row.at.date()
        self.away[day].less(row.counts)
        if is_held:
            self._moved(replace(call, counts=row.counts, requests=1), day)
        else:
            self._part(Cause.DUPLICATE, day, row.counts, 1, call, at=row.at, note=EARLIER)

    def _moved(self, call: Call, day: date) -> None:
        self.made.parts += [half for half in move(call, call.day, day) if self.span.tells(half.day)]

    def _there(self, call: Call, row: CallRow) -> None:
        day = row.at.date()
        self.away[day].less(row.counts)
        self.made.beside.append(replace(call, counts=row.counts))
        if call.counts:
            self._moved(call, day)
        difference = row.counts - call.counts
        if difference:
            requests = 0 if call.counts else 1
            cause, note = _why(call, difference)
            self._part(cause, day, difference, requests, call, at=row.at, note=note)

    def _part(
        self,
        cause: Cause,
        day: date,
        counts: Counts,
        requests: int,
        call: Call,
        *,
        at: datetime | None = None,
        note: str = "",
    ) -> None:
        if counts and self.span.tells(day):
            self.made.parts.append(Part(cause, day, counts, requests, (call,), at or call.at, note))

    def settle_absent(self, cells: Mapping[date, Cell]) -> None:
        """Of whom there is no record: missing there, unless what is left of the day is just these calls, or may hold them."""
        for day in sorted({call.day for call in self.absent}):
            some = [call for call in self.absent if call.day == day]
            rest = self._rest(day, cells.get(day))
            there, by_luck = _there_after_all(rest, some)
            ids = {call.event_id for call in there}
            for call in some:
                if call.event_id in ids:
                    self.away[day].less(call.counts)
                    self.made.beside.append(call)
                    continue
                note = by_luck or _doubt(call, there, rest)
                part = Part(
                    Cause.MISSING_THERE,
                    day,
                    -call.counts,
                    -call.requests,
                    (call,),
                    call.at,
                    note,
                    sure=not note,
                )
                self.made.parts.append(part)

    def _rest(self, day: date, cell: Cell | None) -> Rest:
        """What that day has beyond what is known, and beyond what nobody asked about."""
        rest = Rest(self.away[day].counts, self.away[day].requests)
        if cell is not None:
            rest.counts, rest.requests = rest.counts + cell.counts, rest.requests + (cell.requests or 0)
        for call in self.made.calls:
            if call.day == day:
                rest.counts, rest.requests = rest.counts - call.counts, rest.requests - call.requests
        return rest

    def left_of(self, cells: Sequence[Cell]) -> list[Cell]:
        there = {cell.start.date(): cell for cell in cells}
        days = sorted({*there, *(day for day in self.away if self.span.tells(day))})
        made = []
        for day in days:
            cell, away = there.get(day) or Cell(midnight(day), DAY, ZERO, 0), self.away[day]
            requests = None if cell.requests is None else cell.requests + away.requests
            made.append(replace(cell, counts=cell.counts + away.counts, requests=requests))
        return made


def _held(call: Call, row: CallRow, tries: Sequence[CallRow]) -> list[CallRow]:
    """Those tries that the ledger already holds, by adjustments that were approved.

    By the whole, where the answer's own record and some tries are just what the call has; else by the adjustments themselves.
    """
    sums = [
        some for size in range(len(tries[:MOST_TRIES]) + 1) for some in combinations(tries[:MOST_TRIES], size)
    ]
    if row.found and row.counts:
        for some in sums:
            if row.counts + _whole(some) == call.counts:
                return list(some)
    added, held = list(call.added), []
    for one in tries:
        if one.counts in added:
            added.remove(one.counts)
            held.append(one)
    return held


def _whole(rows: Iterable[CallRow]) -> Counts:
    return sum((row.counts for row in rows), ZERO)


def _why(call: Call, difference: Counts) -> tuple[Cause, str]:
    if not call.counts:
        return Cause.MISSING_HERE, "we took it for a call that nothing was done for"
    if call.estimated:
        return Cause.ESTIMATE, ""
    if difference.is_another_split:
        return Cause.CACHE_SPLIT, ""
    return Cause.UNEXPLAINED, OTHERWISE


def _there_after_all(rest: Rest, absent: Sequence[Call]) -> tuple[list[Call], str]:
    """Those whose tokens are just what is left of the day: they were charged, and only their records are gone. And why it might
    as well be others.
    """
    wanted = (*rest.counts.values, rest.requests)
    if not any(wanted):
        return [], ""
    atoms = [Atom(Cause.DUPLICATE, call, (*call.counts.values, call.requests), 1.0) for call in absent]
    if tuple(map(sum, zip(*(atom.effect for atom in atoms), strict=True))) == wanted:
        return list(absent), ""
    chosen = exactly(wanted, atoms, 1.0) or ()
    doubt = BY_CHANCE if chosen and by_chance(wanted, atoms, chosen, 1.0) else ""
    return [atom.call for atom in chosen], doubt


def _doubt(call: Call, there: Sequence[Call], rest: Rest) -> str:
    """Why a call without a record may not be the one that is missing; empty where it is."""
    if not there:
        return MAY_BE_THERE if rest.holds(call) else ""
    return ALIKE if any(one.counts == call.counts and _whose(one) != _whose(call) for one in there) else ""


def _whose(call: Call) -> tuple[object, ...]:
    return call.project_id, call.key_id, call.alias


def names_of(
    connector: TellsCalls, calls: Iterable[Call], known: Mapping[str, CallRow]
) -> Iterator[tuple[str, Call]]:
    """What calls, and their earlier tries, are named there, of which there is no record yet."""
    for call in calls:
        for name in (call.upstream_id or "", *call.earlier_ids):
            row = known.get(name)
            if connector.names(name) and not (row is not None and row.found):
                yield name, call
