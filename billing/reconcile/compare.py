"""Where the two sides differ: groups of cells and calls that are close in time and do not add up. Pure.

Nobody knows whether a provider counts a call when it comes or when it ends. So each call is put where the clock that fits
the report best puts it, cells that then agree are done with, and what is left over is looked at together with its neighbours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.sides import Call, Cell

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
APART = 2  # cells between two groups that have nothing to do with each other
AROUND = timedelta(minutes=2)  # by which clocks may differ
NEAR = timedelta(minutes=5)  # a retry follows its first try within this

Clock = Callable[[Call], datetime]
CLOCKS: tuple[Clock, ...] = (lambda call: call.at, lambda call: call.ended)


@dataclass
class Residual:
    """What the provider has more than we, in one cell."""

    counts: Counts = ZERO
    requests: int = 0
    calls: list[Call] = field(default_factory=list)

    @property
    def is_even(self) -> bool:
        return not self.counts and not self.requests


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring cells that are not even. `near` are further calls of about that time, which may have been counted twice."""

    cells: tuple[tuple[datetime, Residual], ...]
    calls: tuple[Call, ...]
    near: tuple[Call, ...]
    counted: bool  # whether the provider says how many requests there were
    places: Mapping[UUID, date]  # the days of its calls by the provider's clock
    width: timedelta = MINUTE  # of each cell
    carried: frozenset[UUID] = frozenset()  # calls that count behind the end of what is compared

    def alone(self) -> list[Group]:
        """Each of its cells as a group of its own, with the calls of the others near it."""
        if len(self.cells) == 1:
            return [self]
        ordered = sorted((*self.calls, *self.near), key=lambda call: call.at)
        made = []
        for start, one in self.cells:
            known = {call.event_id for call in one.calls}
            around = _around(ordered, start - NEAR, start + MINUTE + NEAR)
            others = tuple(call for call in around if call.event_id not in known)
            made.append(replace(self, cells=((start, one),), calls=tuple(one.calls), near=others))
        return made

    def day_of(self, call: Call) -> date:
        """The day for which the provider would count it, as far as is known."""
        return self.places.get(call.event_id, call.day)

    def by_day(self) -> dict[date, tuple[Counts, int]]:
        found: dict[date, tuple[Counts, int]] = {}
        for start, one in self.cells:
            counts, requests = found.get(start.date(), (Counts(), 0))
            found[start.date()] = (counts + one.counts, requests + one.requests)
        return found

    @property
    def start(self) -> datetime:
        return self.cells[0][0]


@dataclass(frozen=True, slots=True)
class Compared:
    """`moved` are calls that by the provider's clock are of another day than by ours, and that day: also across the edges."""

    groups: list[Group]
    moved: list[tuple[Call, date]]


def compare(
    calls: Sequence[Call],
    cells: Sequence[Cell],
    *,
    since: datetime,
    until: datetime,
    beside: Sequence[Call] = (),
) -> Compared:
    """Of one model. Cells are all within [since, until), calls also beside: one may have come before and count behind.

    `beside` are calls that no cell holds; they may have been counted twice all the same.
    """
    counted = all(cell.requests is not None for cell in cells) and bool(cells)
    width = cells[0].width if cells else MINUTE
    sides = [_residuals(calls, cells, clock, width, since, until, counted) for clock in CLOCKS]
    best = max(sides, key=lambda one: sum(residual.is_even for residual in one.values()))
    uneven = sorted((start, one) for start, one in best.items() if not one.is_even)
    ordered = sorted((*calls, *beside), key=lambda call: call.at)
    moved = [
        (call, start.date())
        for start, one in best.items()
        for call in one.calls
        if call.day != start.date() and call.counts
    ]
    placed = {call.event_id for one in best.values() for call in one.calls}
    away = [call for call in calls if since <= call.at < until and call.event_id not in placed]
    moved += [(call, until.date()) for call in away if call.counts]
    carried = frozenset(call.event_id for call in away)
    return Compared([_group(run, ordered, width, counted, carried) for run in _runs(uneven, width)], moved)


def _residuals(
    calls: Sequence[Call],
    cells: Sequence[Cell],
    clock: Clock,
    width: timedelta,
    since: datetime,
    until: datetime,
    counted: bool,
) -> dict[datetime, Residual]:
    found: dict[datetime, Residual] = {}
    for cell in cells:
        one = found.setdefault(cell.start, Residual())
        one.counts += cell.counts
        one.requests += cell.requests or 0
    for call in calls:
        moment = clock(call)
        if not since <= moment < until:
            continue
        one = found.setdefault(_start(moment, width), Residual())
        one.counts -= call.counts
        one.requests -= call.requests if counted else 0
        one.calls.append(call)
    return found


def _start(moment: datetime, width: timedelta) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // width * width


def _runs(
    uneven: Sequence[tuple[datetime, Residual]], width: timedelta
) -> list[list[tuple[datetime, Residual]]]:
    runs: list[list[tuple[datetime, Residual]]] = []
    for start, one in uneven:
        together = width < DAY and runs and start - runs[-1][-1][0] <= width * APART
        if together:
            runs[-1].append((start, one))
        else:
            runs.append([(start, one)])
    return runs


def _group(
    run: list[tuple[datetime, Residual]],
    ordered: Sequence[Call],
    width: timedelta,
    counted: bool,
    carried: frozenset[UUID],
) -> Group:
    own = tuple(call for _, one in run for call in one.calls)
    known = {call.event_id for call in own}
    around = _around(ordered, run[0][0] - NEAR, run[-1][0] + width + NEAR)
    near = tuple(call for call in around if call.event_id not in known and call.counts)
    places = {call.event_id: start.date() for start, one in run for call in one.calls}
    return Group(tuple(run), own, near, counted, places, width, carried)


def _around(ordered: Sequence[Call], since: datetime, until: datetime) -> Sequence[Call]:
    first = bisect_left(ordered, since, key=lambda call: call.at)
    return ordered[first : bisect_left(ordered, until, key=lambda call: call.at)]
