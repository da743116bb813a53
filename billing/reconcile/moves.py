"""Calls that count for one day here and for another there: what is missing in one place and is there in the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from datetime import date, datetime

from billing.reconcile.compare import AROUND, DAY
from billing.reconcile.counts import ZERO
from billing.reconcile.search import Atom, exactly
from billing.reconcile.sides import Call, Cause, Part

DOUBT = "it was about midnight, and may have been counted for the other day"


def move(call: Call, day: date, other: date) -> list[Part]:
    """From one day to another. Within a day nothing has happened."""
    if day == other:
        return []
    lost = Part(
        Cause.TIME_BOUNDARY, day, -call.counts, -call.requests, (call,), call.at, f"counted there for {other}"
    )
    return [lost, replace(lost, day=other, counts=call.counts, requests=call.requests, note=f"of {day} here")]


def linked(parts: Sequence[Part]) -> list[Part]:
    """What is missing in one group and is there once too often in another, about when it happened, was only moved."""
    made, left = _one_by_one(parts)
    more, left = _together(left)
    return [*made, *more, *_doubted(left)]


def _one_by_one(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    gained = _surplus(parts, Cause.DUPLICATE)
    made: list[Part] = []
    gone: set[int] = set()
    for part in _missing(parts):
        (call,) = part.calls
        one = next((one for one in gained if id(one) not in gone and _same(call, one)), None)
        if one is not None:
            gone |= {id(part), id(one)}
            made += move(call, part.day, one.day)
    return made, _without(parts, gone)


def _together(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Several calls about one midnight are told as one surplus, behind it or before."""
    made: list[Part] = []
    gone: set[int] = set()
    for one in _surplus(parts):
        near = [part for part in _missing(parts) if id(part) not in gone and _beside(part, one)]
        some = _adding_up(near, one)
        if some:
            gone |= {id(part) for part in (one, *some)}
            made += [half for part in some for half in move(part.calls[0], part.day, one.day)]
    return made, _without(parts, gone)


def _adding_up(near: Sequence[Part], one: Part) -> list[Part]:
    """All of them, all but few, or a few: those whose calls are the surplus to the last token, as many as it has requests."""
    by_call = {part.calls[0].event_id: part for part in near}
    atoms = [Atom(part.cause, part.calls[0], part.calls[0].counts.values, 1.0) for part in near]
    whole = sum((part.calls[0].counts for part in near), ZERO)
    kept = exactly((whole - one.counts).values, atoms, 1.0)
    if kept is not None:
        out = {atom.call.event_id for atom in kept}
        found = [part for event_id, part in by_call.items() if event_id not in out]
    else:
        found = [by_call[atom.call.event_id] for atom in exactly(one.counts.values, atoms, 1.0) or ()]
    right = not one.requests or sum(part.calls[0].requests for part in found) == one.requests
    return found if right else []


def _doubted(parts: Sequence[Part]) -> list[Part]:
    """What is missing about a midnight across which there is a surplus may be part of that, whatever else is in it."""
    surplus, missing = _surplus(parts), _missing(parts)
    unsure = {id(part) for part in missing if any(_beside(part, one) for one in surplus)}
    unsure |= {id(one) for one in surplus if any(_beside(part, one) for part in missing)}
    unsure |= {id(one) for one in _surplus(parts, Cause.DUPLICATE) if _may_be_moved(one, parts)}
    return [_unsure(part) if id(part) in unsure else part for part in parts]


def _may_be_moved(one: Part, parts: Sequence[Part]) -> bool:
    """Whether a call that the other day seems to have once more may be lacking in its own day, among what differs there."""
    return (
        one.cause is Cause.DUPLICATE
        and any(call.day != one.day for call in one.calls)
        and any(part.day == call.day for call in one.calls for part in parts)
    )


def _unsure(part: Part) -> Part:
    return replace(part, sure=False, note="; ".join(one for one in (part.note, DOUBT) if one))


def _missing(parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if part.cause is Cause.MISSING_THERE]


def _surplus(parts: Iterable[Part], *further: Cause) -> list[Part]:
    causes = (Cause.MISSING_HERE, *further)
    return [part for part in parts if part.cause in causes and part.counts.is_surplus]


def _without(parts: Sequence[Part], gone: Set[int]) -> list[Part]:
    return [part for part in parts if id(part) not in gone]


def _same(call: Call, part: Part) -> bool:
    """Whether a surplus is the call itself, counted somewhat later or earlier."""
    if part.counts != call.counts or part.at is None:
        return False
    if any(one.event_id == call.event_id for one in part.calls):
        return True
    lacking = part.cause is Cause.MISSING_HERE
    return (lacking or (part.day != call.day and _crosses(call))) and _is_near(call, part)


def _beside(part: Part, one: Part) -> bool:
    """Whether what is missing was at the midnight on whose other side there is more."""
    (call,) = part.calls
    return part.day != one.day and _crosses(call) and _is_near(call, one)


def _is_near(call: Call, part: Part) -> bool:
    if part.at is None:
        return False
    slack = AROUND if part.at.time() != datetime.min.time() else AROUND + DAY
    return call.at - slack <= part.at <= call.ended + slack


def _crosses(call: Call) -> bool:
    return (call.at - AROUND).date() != (call.ended + AROUND).date()
