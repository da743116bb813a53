"""What no call explains to the last token, as one cause by itself: a new split, an estimate, a call that we do not have; or as a
split beside an estimate. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from billing.reconcile.compare import AROUND, DAY, Group
from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.sides import Call, Cause, Part

W_SPLIT, W_ESTIMATE, W_MISSING_HERE = 1.2, 1.5, 2.0
W_FAR_OFF = 1.5  # more, of an estimate that is further off than estimates are
# The provider's count of tokens that we estimated, for each of ours: paddings go up to 2.5. Where it counts no requests, a
# whole call more would look like an estimate that was too low.
LEAST, MOST, MOST_UNCOUNTED = 0.4, 2.5, 1.6
FEW = 20  # tokens by which small counts may be off beside that
PADDED = "estimated"  # the source of calls that we counted ourselves; others have what was reserved, or a part of the answer
FAR = "further off than estimates are, so something else may be part of it"
SPLIT = "another split of a call of the same time may be part of it"
TWICE = "a call of the same time that was counted twice may be part of it"
BOTH = "a split and an estimate of one time, of which it may be another share"
Weighed = tuple[float, tuple[Part, ...]]


def alone(group: Group, day: date, counts: Counts, requests: int) -> Weighed | None:
    """The likeliest cause of all of it, and how unlikely that is. None where it can be none."""
    return min(_possible(group, day, counts, requests), key=lambda one: one[0], default=None)


def _possible(group: Group, day: date, counts: Counts, requests: int) -> Iterator[Weighed]:
    own = [call for call in group.calls if group.day_of(call) == day] or list(group.calls)
    estimated = tuple(call for call in own if call.estimated)
    measured = [call for call in own if call.counts and not call.estimated]
    if requests == 0 and counts.is_another_split:
        fitting = _fitting(measured, counts)
        if fitting:
            yield W_SPLIT, (Part(Cause.CACHE_SPLIT, day, counts, 0, fitting, group.start),)
    if requests == 0 and estimated and min((_sum(estimated) + counts).values) >= 0:
        far = _is_far(estimated, counts, MOST if group.counted else MOST_UNCOUNTED)
        note = FAR if far else SPLIT if _may_be_split(measured, counts) else ""
        part = Part(Cause.ESTIMATE, day, counts, 0, estimated, group.start, note, sure=not note)
        yield W_ESTIMATE + (W_FAR_OFF if far else 0), (part,)
    if requests == 0 and estimated:
        yield from _split_beside(group, day, counts, estimated, measured)
    if counts.is_surplus and (requests > 0 or not group.counted):
        note = _doubt(group, estimated) or (SPLIT if _may_be_split(measured, counts) else "")
        part = Part(Cause.MISSING_HERE, day, counts, requests, estimated, group.start, note, sure=not note)
        yield W_MISSING_HERE * max(1, requests), (part,)


def _split_beside(
    group: Group, day: date, counts: Counts, estimated: tuple[Call, ...], measured: Sequence[Call]
) -> Iterator[Weighed]:
    """Another call's split, as large as it can be, and what is left as an estimate. Never sure: nobody knows where one ends."""
    cached = [max(0, one) for one in (counts.cached, counts.write_short, counts.write_long)]
    moved = Counts(-sum(cached), *cached)
    left = counts - moved
    fitting = tuple(call for call in measured if min((call.counts + moved).values) >= 0)
    if not moved or not left or not fitting or min((_sum(estimated) + left).values) < 0:
        return
    if not _is_far(estimated, left, MOST if group.counted else MOST_UNCOUNTED):
        split = Part(Cause.CACHE_SPLIT, day, moved, 0, fitting, group.start, BOTH, sure=False)
        yield (
            W_SPLIT + W_ESTIMATE,
            (split, replace(split, cause=Cause.ESTIMATE, counts=left, calls=estimated)),
        )


def may_be_twice(parts: Sequence[Part], calls: Sequence[Call]) -> str:
    """Of several calls more than we have, of which one is missing here, another one of ours may have been counted twice."""
    more = [part for part in parts if part.cause in (Cause.MISSING_HERE, Cause.DUPLICATE)]
    if sum(part.requests for part in more) < 2 or all(part.cause is Cause.DUPLICATE for part in more):
        return ""
    counts = sum((part.counts for part in more), ZERO)
    known = {call.event_id for part in more for call in part.calls}
    others = (call for call in calls if call.counts and call.event_id not in known)
    return TWICE if any(min((counts + -call.counts).values) >= 0 for call in others) else ""


def _fitting(calls: Sequence[Call], counts: Counts) -> tuple[Call, ...]:
    """Those that have as much as was taken away from one kind; all, where only together they have."""
    fitting = tuple(call for call in calls if min((call.counts + counts).values) >= 0)
    return fitting or (tuple(calls) if min((_sum(calls) + counts).values) >= 0 else ())


def _may_be_split(measured: Sequence[Call], counts: Counts) -> bool:
    """Whether another call of the time may have been read from a cache, or written to one, by some of what differs there."""
    parts = (counts.cached, counts.write_short, counts.write_long)
    moved = Counts(-sum(parts), *parts)
    whole = bool(moved) and any(min((call.counts + moved).values) >= 0 for call in measured)
    return whole or (max(parts) > 0 and any(call.counts.fresh for call in measured))


def _is_far(estimated: Sequence[Call], counts: Counts, most: float) -> bool:
    """What we padded is seldom far off. What was reserved, or broke off, may be off by anything in its output."""
    ours, theirs = _sum(estimated), _sum(estimated) + counts
    padded = all(call.source == PADDED for call in estimated)
    known = ours.cached if ours.cached == theirs.cached else 0  # told by the provider, as it seems
    given = (ours.input - known, theirs.input - known)
    pairs = [given, *([(ours.output, theirs.output)] if padded else [])]
    return not all(LEAST * one - FEW <= other <= most * one + FEW for one, other in pairs)


def _doubt(group: Group, estimated: Sequence[Call]) -> str:
    """Why it may be more than one thing, or another; empty where it can only be a call that we do not have."""
    midnight = group.start.replace(hour=0, minute=0, second=0, microsecond=0)
    if estimated:
        return "a call with estimated tokens of the same time may be part of it"
    if any(call.at < midnight and group.start <= call.ended + AROUND for call in group.near):
        return "a call of before midnight may be part of it"
    if group.width >= DAY:
        return "of a day as a whole, several calls may add up to it"
    return ""


def _sum(calls: Sequence[Call]) -> Counts:
    return sum((call.counts for call in calls), ZERO)
