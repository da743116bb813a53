"""Where the provider tells single calls: what it has of ours is taken from both sides, and only the rest is looked for. Pure.

A record leaves nothing to be guessed: a call is there with other tokens, on another day, twice, or not at all. What remains of
a day then is what no known call explains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from billing.reconcile.classify import Span
from billing.reconcile.connectors.base import DAY, CallRow, TellsCalls, midnight
from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.models_named import canonical
from billing.reconcile.moves import move
from billing.reconcile.search import Atom, exactly
from billing.reconcile.sides import Call, Cause, Cell, Part

TWO_ENTRIES = "two entries of ours name the same answer"
EARLIER = "an earlier try of it was charged too"
OTHERWISE = "the provider has other tokens for this call than its answer had"
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
        tries = [self._earlier(call, name) for name in call.earlier_ids]
        if row.name in self.seen:
            self._part(Cause.DUPLICATE, call.day, -call.counts, -call.requests, call, note=TWO_ENTRIES)
            return
        self.seen.add(row.name)
        # a try of which there is a record, or none, is no evidence of another
        call = replace(call, retried=call.retried and not (tries and all(tries)))
        if row.found:
            self._there(call, row)
        elif self.span.has(call) and call.counts:
            self.absent.append(call)

    def _earlier(self, call: Call, name: str) -> bool:
        """Whether it is known what became of that try."""
        row = self.known.get(name)
        if row is not None and row.found and row.counts and name not in self.seen:
            self.seen.add(name)
            self.away[row.at.date()].less(row.counts)
            self._part(Cause.DUPLICATE, row.at.date(), row.counts, 1, call, at=row.at, note=EARLIER)
        return row is not None

    def _there(self, call: Call, row: CallRow) -> None:
        day = row.at.date()
        self.away[day].less(row.counts)
        self.made.beside.append(call)
        if call.counts:
            halves = move(call, call.day, day)
            self.made.parts += [half for half in halves if self.span.tells(half.day)]
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
            there = _there_after_all(rest, some)
            for call in some:
                if call.event_id in there:
                    self.away[day].less(call.counts)
                    self.made.beside.append(call)
                    continue
                note = MAY_BE_THERE if not there and rest.holds(call) else ""
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


def _why(call: Call, difference: Counts) -> tuple[Cause, str]:
    if not call.counts:
        return Cause.MISSING_HERE, "we took it for a call that nothing was done for"
    if call.estimated:
        return Cause.ESTIMATE, ""
    if difference.is_another_split:
        return Cause.CACHE_SPLIT, ""
    return Cause.UNEXPLAINED, OTHERWISE


def _there_after_all(rest: Rest, absent: Sequence[Call]) -> set[object]:
    """Those whose tokens are just what is left of the day: they were charged, and only their records are gone."""
    wanted = (*rest.counts.values, rest.requests)
    if not any(wanted):
        return set()
    atoms = [Atom(Cause.DUPLICATE, call, (*call.counts.values, call.requests), 1.0) for call in absent]
    if tuple(map(sum, zip(*(atom.effect for atom in atoms), strict=True))) == wanted:
        return {call.event_id for call in absent}
    return {atom.call.event_id for atom in exactly(wanted, atoms, 1.0) or ()}


def names_of(
    connector: TellsCalls, calls: Iterable[Call], known: Mapping[str, CallRow]
) -> Iterator[tuple[str, Call]]:
    """What calls, and their earlier tries, are named there, of which there is no record yet."""
    for call in calls:
        for name in (call.upstream_id or "", *call.earlier_ids):
            row = known.get(name)
            if connector.names(name) and not (row is not None and row.found):
                yield name, call
