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

from billing.reconcile.compare import AROUND, MINUTE, Compared, Group
from billing.reconcile.counts import Counts
from billing.reconcile.moves import linked, move
from billing.reconcile.rests import Weighed, alone, may_be_twice
from billing.reconcile.search import Atom, Found, Vector, by_chance, exactly, less, partly
from billing.reconcile.sides import Call, Cause, Part

WIDTH = len(Counts().values) + 1  # of the vector of a day: counts and requests
CLOSE = timedelta(seconds=20)  # and by which they mostly do not
MANY = 300  # atoms beyond which none is thought to leave a rest
# How unlikely. What has evidence of its own, a retry or a midnight, comes before what has not.
W_MOVED, W_RETRIED, W_MISSING_THERE, W_TWICE = 0.4, 0.3, 1.0, 1.4
W_UNEXPLAINED = 100.0
MARGIN = 0.5  # by which another explanation may be heavier, and yet as likely for what we know
BY_CHANCE = "with so many calls, other sums of some would fit as well"
ALIKE = "calls of several keys have just these tokens"
RIVALS = "something else is about as likely"
PART = "what happened beside it is not sure"


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at, and which of its days the provider may still change."""

    since: datetime
    until: datetime
    is_final: Callable[[date], bool]
    open_end: bool = True  # whether what follows was not asked for

    def has(self, call: Call) -> bool:
        return self.since <= call.at < self.until

    def tells(self, day: date) -> bool:
        return self.since.date() <= day < self.until.date()


def classify(found: Compared, span: Span) -> list[Part]:
    """The parts of all groups of one model. Per day they add up to the differences of the groups."""
    parts = [part for group in found.groups for part in _best(group, span)]
    moved = [half for call, day in found.moved for half in move(call, call.day, day) if span.tells(half.day)]
    return [_final(part, span) for part in (*moved, *linked(parts))]


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
    chosen = exactly(wanted, atoms, W_MISSING_THERE)
    if chosen is not None:
        some, doubt = chosen, BY_CHANCE if by_chance(wanted, atoms, chosen, W_MISSING_THERE) else ""
        parts = _doubted(_parts(some, group, span), lambda part: doubt or _alike(part, atoms, some))
        return Solved(sum(atom.weight for atom in some), parts)
    found = _all_but_few(group, days, wanted)
    if found is not None:
        some, doubt = found
        parts = _doubted(_parts(some, group, span), lambda part: doubt)
        return Solved(sum(atom.weight for atom in some), parts)
    return _with_rest(group, days, wanted, atoms, span)


def _doubted(parts: Sequence[Part], doubt: Callable[[Part], str]) -> list[Part]:
    """Those of which there is a doubt say which, and that they are not sure."""
    made = []
    for part in parts:
        why = doubt(part)
        note = "; ".join(one for one in (part.note, why) if one)
        made.append(replace(part, note=note, sure=False) if why else part)
    return made


def _alike(part: Part, atoms: Sequence[Atom], chosen: Sequence[Atom]) -> str:
    """Whether it may as well have happened to another key's call that has the same counts."""
    known = {atom.call.event_id for atom in chosen}
    mine = {(call.project_id, call.key_id, call.alias) for call in part.calls}
    counts = {call.counts for call in part.calls}
    others = {
        (atom.call.project_id, atom.call.key_id, atom.call.alias)
        for atom in atoms
        if str(atom.cause) == str(part.cause)
        and atom.call.counts in counts
        and atom.call.event_id not in known
    }
    return ALIKE if others - mine else ""


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
        day, sign = _over_the_edge(call, group, span)
        if sign:
            day = day if day in days else days[0]
            made.append(Atom(Cause.TIME_BOUNDARY, call, _effect(group, days, (day, sign, call)), W_MOVED))
            continue
        made += _moved(group, days, call)
        day = group.day_of(call) if group.day_of(call) in days else days[0]
        weight = W_RETRIED if call.retried else W_TWICE
        made.append(Atom(Cause.DUPLICATE, call, _effect(group, days, (day, 1, call)), weight))
    return made


def _over_the_edge(call: Call, group: Group, span: Span) -> tuple[date, int]:
    """Of a call at an edge of what is compared: the day that may have it, or not, in spite of the clock, and 1 or -1. Else 0."""
    if not span.has(call):
        carried_in = call.event_id in group.places
        return (group.day_of(call), -1) if carried_in else (group.start.date(), 1)
    return call.day, int(call.event_id in group.carried)


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


def _all_but_few(group: Group, days: Sequence[date], wanted: Vector) -> tuple[tuple[Atom, ...], str] | None:
    """The provider may lack all calls of the group, or all but a few: then those few are looked for. With a doubt, or none."""
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
    kept = exactly(left, there, 1.0)
    if kept is None:
        return None
    known = {atom.call.event_id for atom in kept}
    doubt = BY_CHANCE if kept and by_chance(left, there, kept, 1.0) else ""
    return tuple(atom for atom in missing if atom.call.event_id not in known), doubt


def _with_rest(
    group: Group, days: Sequence[date], wanted: Vector, atoms: Sequence[Atom], span: Span
) -> Solved:
    """The likeliest of what leaves a rest that can be something by itself. What else is about as likely makes it doubtful."""
    fitting = [atom for atom in atoms if atom.cause is not Cause.DUPLICATE or atom.call.retried]
    ways: list[tuple[float, int, Found, list[Part]]] = []
    for found in partly(wanted, fitting if len(fitting) <= MANY else ()):
        rest = _rest(group, days, found.left)
        if rest is not None:
            weight = found.weight + sum(one for one, _ in rest)
            parts = [part for _, some in rest for part in some]
            ways.append((weight, sum(part.counts.size for part in parts), found, parts))
    if not ways:
        return Solved(W_UNEXPLAINED, _unexplained(group))
    weight, _, found, parts = best = min(ways, key=lambda one: one[:2])
    rivals = [one for one in ways if one is not best and one[0] - weight <= MARGIN]
    whole = [*_parts(found.atoms, group, span), *parts]
    doubt = RIVALS if rivals else may_be_twice(whole, (*group.calls, *group.near))
    if not doubt and not all(part.sure for part in whole):
        return Solved(weight, _doubted(whole, lambda part: PART if part.sure else ""))
    return Solved(weight, _doubted(whole, lambda part: doubt))


def _rest(group: Group, days: Sequence[date], left: Vector) -> list[Weighed] | None:
    """What is left of each day as one cause, with its weight. None where some of it can be none."""
    made: list[Weighed] = []
    for number, day in enumerate(days):
        *values, requests = left[number * WIDTH : (number + 1) * WIDTH]
        counts = Counts(*values)
        if not counts and not requests:
            continue
        part = alone(group, day, counts, requests)
        if part is None:
            return None
        made.append(part)
    return made


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
        where, sign = _over_the_edge(call, group, span)
        if sign:
            where = where if where in days else group.start.date()
            counts = call.counts if sign > 0 else -call.counts
            note = f"of {call.day} here"
            return [Part(atom.cause, where, counts, sign * call.requests, (call,), call.at, note)]
        return move(call, day, next(one for one in sorted(days) if one != day))
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


def _final(part: Part, span: Span) -> Part:
    """Of a day that is not final, what is not there yet is late."""
    lacking = part.cause in (Cause.MISSING_THERE, Cause.UNEXPLAINED) and part.counts.is_shortfall
    if lacking and not span.is_final(part.day):
        return replace(part, cause=Cause.LATE)
    return part
