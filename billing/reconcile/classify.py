"""What a group that does not add up consists of. Pure.

First the calls by which it could be explained to the last token: missing there, counted twice, counted for another day.
What no call explains exactly may be a new split of the input, an estimate of ours, or a call that we do not have. What even
that cannot be is unexplained, and is said to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from billing.reconcile.compare import DAY, MINUTE, Compared, Group
from billing.reconcile.counts import Counts
from billing.reconcile.search import Atom, Found, Vector, exactly, less, partly
from billing.reconcile.sides import Call, Cause, Part

WIDTH = len(Counts().values) + 1  # of the vector of a day: counts and requests
AROUND = timedelta(minutes=2)  # by which clocks may differ
CLOSE = timedelta(seconds=20)  # and by which they mostly do not
MANY = 300  # calls beyond which only those that were retried are thought to be counted twice
# How unlikely. What has evidence of its own, a retry or a midnight, comes before what has not.
W_MOVED, W_RETRIED, W_MISSING_THERE, W_TWICE = 0.4, 0.3, 1.0, 1.4
W_SPLIT, W_ESTIMATE, W_MISSING_HERE = 1.2, 1.5, 2.0
W_UNEXPLAINED = 100.0


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at, and which of its days the provider may still change."""

    since: datetime
    until: datetime
    is_final: Callable[[date], bool]
    open_end: bool = True  # whether what follows was not asked for

    def has(self, call: Call) -> bool:
        return self.since <= call.at < self.until


def classify(found: Compared, span: Span) -> list[Part]:
    """The parts of all groups of one model. Per day they add up to the differences of the groups."""
    parts = [part for group in found.groups for part in _best(group, span)]
    moved = [half for call, day in found.moved for half in _move(call, call.day, day)]
    return [_final(part, span) for part in (*moved, *_linked(parts))]


@dataclass(frozen=True, slots=True)
class Solved:
    """One explanation of a group. The lighter, the likelier."""

    weight: float
    parts: list[Part]


def _best(group: Group, span: Span) -> list[Part]:
    """Cell by cell, unless a call that lies between two of them makes more of both together."""
    apart = [_of_group(one, span) for one in group.alone()]
    if len(apart) == 1:
        return apart[0].parts
    parts = [part for one in apart for part in one.parts]
    together = _of_group(group, span)
    weight = sum(one.weight for one in apart)
    unsure = weight >= W_UNEXPLAINED or any(_between(part, group) for part in parts)
    return together.parts if unsure and together.weight < weight else parts


def _between(part: Part, group: Group) -> bool:
    """Whether what is missing may have been counted in another cell of the group."""
    if part.cause is not Cause.MISSING_THERE:
        return False
    (call,) = part.calls
    first, last = call.at - CLOSE, call.ended + CLOSE
    return sum(first < start + MINUTE and start <= last for start, _ in group.cells) > 1


def _of_group(group: Group, span: Span) -> Solved:
    days = sorted(group.by_day())
    wanted = _vector(group, days)
    if not any(wanted):
        return Solved(0.0, [])
    atoms = _atoms(group, days, span)
    chosen = exactly(wanted, atoms)
    if chosen is None:
        chosen = _all_but_few(group, days, wanted)
    if chosen is not None:
        weight = sum(atom.weight for atom in chosen)
        return Solved(weight, _parts(chosen, group, span))
    return _with_rest(group, days, wanted, atoms, span)


def _vector(group: Group, days: Sequence[date]) -> Vector:
    by_day = group.by_day()
    return tuple(
        one for day in days for one in (*by_day[day][0].values, by_day[day][1] if group.counted else 0)
    )


def _effect(group: Group, days: Sequence[date], *signed: tuple[date, int, Call]) -> Vector:
    made = [0] * (WIDTH * len(days))
    for day, sign, call in signed:
        at = days.index(day) * WIDTH
        for number, value in enumerate(call.counts.values):
            made[at + number] += sign * value
        made[at + WIDTH - 1] += sign * call.requests if group.counted else 0
    return tuple(made)


def _atoms(group: Group, days: Sequence[date], span: Span) -> list[Atom]:
    made = [
        Atom(Cause.MISSING_THERE, call, _effect(group, days, (group.day_of(call), -1, call)), W_MISSING_THERE)
        for call in group.calls
        if call.counts and span.has(call)
    ]
    together = (*group.calls, *group.near)
    for call in together:
        if not call.counts:
            continue
        if not span.has(call):
            made.append(Atom(Cause.TIME_BOUNDARY, call, _effect(group, days, (days[0], 1, call)), W_MOVED))
            continue
        made += _moved(group, days, call)
        if call.retried or len(together) <= MANY:
            day = group.day_of(call) if group.day_of(call) in days else days[0]
            weight = W_RETRIED if call.retried else W_TWICE
            made.append(Atom(Cause.DUPLICATE, call, _effect(group, days, (day, 1, call)), weight))
    return made


def _moved(group: Group, days: Sequence[date], call: Call) -> list[Atom]:
    """The call may count for the other day, where it is about midnight."""
    if len(days) < 2 or call not in group.calls:
        return []
    first, last = (call.at - AROUND).date(), (call.ended + AROUND).date()
    own = group.day_of(call)
    others = [day for day in days if day != own and first <= day <= last]
    return [
        Atom(Cause.TIME_BOUNDARY, call, _effect(group, days, (own, -1, call), (other, 1, call)), W_MOVED)
        for other in others
    ]


def _all_but_few(group: Group, days: Sequence[date], wanted: Vector) -> tuple[Atom, ...] | None:
    """The provider may lack all calls of the group, or all but a few: then those few are looked for."""
    own = [call for call in group.calls if call.counts]
    if len(own) < 4:
        return None
    missing = [
        Atom(Cause.MISSING_THERE, call, _effect(group, days, (group.day_of(call), -1, call)), 1.0)
        for call in own
    ]
    left = wanted
    for atom in missing:
        left = less(left, atom.effect)
    there = [replace(atom, effect=less((0,) * len(wanted), atom.effect)) for atom in missing]
    kept = exactly(left, there)
    if kept is None:
        return None
    known = {atom.call.event_id for atom in kept}
    return tuple(atom for atom in missing if atom.call.event_id not in known)


def _with_rest(
    group: Group, days: Sequence[date], wanted: Vector, atoms: Sequence[Atom], span: Span
) -> Solved:
    """The likeliest of what leaves a rest that can be something by itself."""
    best: tuple[float, int, Found, list[Part]] | None = None
    fitting = [atom for atom in atoms if atom.cause is not Cause.DUPLICATE or atom.call.retried]
    for found in partly(wanted, fitting if len(fitting) <= MANY else ()):
        rest = _rest(group, days, found.left)
        if rest is None:
            continue
        weight = found.weight + sum(one for one, _ in rest)
        parts = [part for _, part in rest]
        size = sum(part.counts.size for part in parts)
        if best is None or (weight, size) < best[:2]:
            best = (weight, size, found, parts)
    if best is None:
        return Solved(W_UNEXPLAINED, _unexplained(group))
    weight, _, found, parts = best
    return Solved(weight, [*_parts(found.atoms, group, span), *parts])


def _rest(group: Group, days: Sequence[date], left: Vector) -> list[tuple[float, Part]] | None:
    """What is left of each day as one cause, with its weight. None where some of it can be none."""
    made: list[tuple[float, Part]] = []
    for number, day in enumerate(days):
        *values, requests = left[number * WIDTH : (number + 1) * WIDTH]
        counts = Counts(*values)
        if not counts and not requests:
            continue
        part = _alone(group, day, counts, requests)
        if part is None:
            return None
        made.append(part)
    return made


def _alone(group: Group, day: date, counts: Counts, requests: int) -> tuple[float, Part] | None:
    own = [call for call in group.calls if group.day_of(call) == day] or list(group.calls)
    estimated = tuple(call for call in own if call.estimated)
    measured = tuple(call for call in own if call.counts and not call.estimated)
    when = group.start
    if requests == 0 and counts.is_another_split and measured:
        return W_SPLIT, Part(Cause.CACHE_SPLIT, day, counts, 0, _fitting(measured, counts), when)
    if requests == 0 and estimated:
        return W_ESTIMATE, Part(Cause.ESTIMATE, day, counts, 0, estimated, when)
    if counts.is_surplus and (requests > 0 or not group.counted):
        note = "a call with estimated tokens of the same time may be part of it" if estimated else ""
        return W_MISSING_HERE * max(1, requests), Part(
            Cause.MISSING_HERE, day, counts, requests, estimated, when, note
        )
    return None


def _fitting(calls: Sequence[Call], counts: Counts) -> tuple[Call, ...]:
    """Those that have as much as was taken away from one kind."""
    fitting = tuple(call for call in calls if min((call.counts + counts).values) >= 0)
    return fitting or tuple(calls)


def _unexplained(group: Group) -> list[Part]:
    return [
        Part(
            Cause.UNEXPLAINED,
            day,
            counts,
            requests,
            tuple(one for one in group.calls if group.day_of(one) == day),
            group.start,
        )
        for day, (counts, requests) in group.by_day().items()
        if counts or (requests and group.counted)
    ]


def _twins(group: Group) -> frozenset[str]:
    """Names of answers that several of our calls claim."""
    named = Counter(call.upstream_id for call in (*group.calls, *group.near) if call.upstream_id)
    return frozenset(name for name, count in named.items() if count > 1)


def _parts(chosen: Sequence[Atom], group: Group, span: Span) -> list[Part]:
    twins, days = _twins(group), set(group.by_day())  # once: there may be a day's calls
    return [part for atom in chosen for part in _of_atom(atom, group, span, twins, days)]


def _of_atom(atom: Atom, group: Group, span: Span, twins: Set[str], days: Set[date]) -> list[Part]:
    call = atom.call
    day = group.day_of(call)
    if atom.cause is Cause.TIME_BOUNDARY:
        if not span.has(call):
            gained = group.start.date()
            return [Part(atom.cause, gained, call.counts, call.requests, (call,), call.at, f"of {day} here")]
        return _move(call, day, next(one for one in sorted(days) if one != day))
    if atom.cause is Cause.MISSING_THERE:
        return [_missing(call, day, twins, span)]
    note = "an earlier try of it was given up" if call.retried else ""
    day = day if day in days else group.start.date()
    return [Part(Cause.DUPLICATE, day, call.counts, call.requests, (call,), group.start, note)]


def _missing(call: Call, day: date, twins: Set[str], span: Span) -> Part:
    cause, note = Cause.MISSING_THERE, ""
    if span.open_end and span.until - call.ended <= AROUND:
        cause, note = Cause.TIME_BOUNDARY, "it ended at the end of what was compared"
    elif call.upstream_id in twins:
        cause, note = Cause.DUPLICATE, "two entries of ours name the same answer"
    return Part(cause, day, -call.counts, -call.requests, (call,), call.at, note)


def _move(call: Call, day: date, other: date) -> list[Part]:
    """From one day to another. Within a day nothing has happened."""
    if day == other:
        return []
    lost = Part(
        Cause.TIME_BOUNDARY, day, -call.counts, -call.requests, (call,), call.at, f"counted there for {other}"
    )
    return [lost, replace(lost, day=other, counts=call.counts, requests=call.requests, note=f"of {day} here")]


def _linked(parts: Sequence[Part]) -> list[Part]:
    """What is missing in one group and is there once too often in another, about when it happened, was only moved."""
    gained = [
        part
        for part in parts
        if part.cause in (Cause.MISSING_HERE, Cause.DUPLICATE) and part.counts.is_surplus
    ]
    made: list[Part] = []
    gone: list[Part] = []
    for part in parts:
        if part.cause is not Cause.MISSING_THERE:
            continue
        (call,) = part.calls
        one = next((one for one in gained if not _among(one, gone) and _same(call, one)), None)
        if one is not None:
            gone += [part, one]
            made += _move(call, part.day, one.day)
    return [*made, *(part for part in parts if not _among(part, gone))]


def _among(part: Part, some: Sequence[Part]) -> bool:
    return any(part is one for one in some)


def _same(call: Call, part: Part) -> bool:
    """Whether a surplus is the call itself, counted somewhat later or earlier."""
    if part.counts != call.counts or part.at is None:
        return False
    if any(one.event_id == call.event_id for one in part.calls):
        return True
    slack = AROUND if part.at.time() != datetime.min.time() else AROUND + DAY
    near = call.at - slack <= part.at <= call.ended + slack
    lacking = part.cause is Cause.MISSING_HERE
    return near and (lacking or (part.day != call.day and _crosses(call)))


def _crosses(call: Call) -> bool:
    return (call.at - AROUND).date() != (call.ended + AROUND).date()


def _final(part: Part, span: Span) -> Part:
    """Of a day that is not final, what is not there yet is late."""
    lacking = part.cause in (Cause.MISSING_THERE, Cause.UNEXPLAINED) and part.counts.is_shortfall
    if lacking and not span.is_final(part.day):
        return replace(part, cause=Cause.LATE)
    return part
