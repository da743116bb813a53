"""Reads the trail, in the organization's scope: a page of it, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit import reading
from audit.models import ChainHead, Checkpoint, CheckpointHead, DeadLetter, Event, OutboxEntry, Skeleton
from audit.reading import Place
from console.explorer import difference
from console.explorer.asked import Asked
from orbit.lib import access
from tenants.models import Membership
from tenants.rights import Right, may

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in a line: who, what, of what, and how."""

    event: Event
    who: str
    what: str
    of: str
    how: str


@dataclass(frozen=True, slots=True)
class Found:
    """`newer` and `older` are where to go on; None where there is nothing."""

    entries: list[Entry]
    newer: Place | None
    older: Place | None


@dataclass(frozen=True, slots=True)
class State:
    """How the trail stands. `uncovered` events are chained, but not signed yet; `waiting` acts are not chained yet."""

    last: int
    oldest: Event | None
    signed_at: datetime | None
    checkpoint: int | None
    uncovered: int
    waiting: int
    dead: int | None  # None: not for whoever looks


def page(asked: Asked) -> Found:
    rows, wanted = asked.selection.rows(), asked.selection.wanted()
    if asked.before is not None and asked.after is None:
        found, more = reading.by_time(rows, wanted, limit=SHOWN, start=asked.before, newest_first=False)
        found.reverse()
        older = _of(found[-1]) if found else asked.before
        return Found(list(map(_entry, found)), more, older)
    found, more = reading.by_time(rows, wanted, limit=SHOWN, start=asked.after)
    newer = (_of(found[0]) if found else asked.after) if asked.after else None
    return Found(list(map(_entry, found)), newer, more)


def event(membership: Membership, event_id: UUID) -> Event | None:
    """One that the member may see: all but acts take another right."""
    found = Event.objects.filter(organization_id=membership.organization_id, event_id=event_id).first()
    if found is None or (found.kind != Event.Kind.ACT and not may(membership, Right.CALLS_READ)):
        return None
    return found


def left_of(membership: Membership, event_id: UUID) -> Skeleton | None:
    """What outlived an event that was dropped and that the member might see."""
    found = reading.left_of(membership.organization_id, event_id)
    if found is None or (found.kind != Event.Kind.ACT and not may(membership, Right.CALLS_READ)):
        return None
    return found


def state(membership: Membership, *, of_operators: bool) -> State:
    owner = membership.organization_id
    head = ChainHead.objects.filter(organization_id=owner).first()
    last = head.seq if head else 0
    covered = CheckpointHead.objects.filter(organization_id=owner).order_by("-seq").first()
    latest = Checkpoint.objects.order_by("-number").first()
    return State(
        last=last,
        oldest=Event.objects.filter(organization_id=owner).only("seq", "admitted_at").order_by("seq").first(),
        signed_at=latest.at if latest else None,
        checkpoint=latest.number if latest else None,
        uncovered=last - (covered.seq if covered else 0),
        waiting=OutboxEntry.objects.filter(organization_id=owner).count(),
        dead=_dead() if of_operators else None,
    )


def _dead() -> int:
    with access.operator():
        return DeadLetter.objects.count()


def _entry(event: Event) -> Entry:
    detail: dict[str, Any] = event.detail
    if event.kind == Event.Kind.ACT:
        return Entry(
            event,
            str(detail.get("actor") or ""),
            str(detail.get("action") or ""),
            str(detail.get("target") or ""),
            difference.in_short(detail.get("before"), detail.get("after")),
        )
    who = " / ".join(filter(None, (event.project, event.key)))
    if event.kind == Event.Kind.REFUSAL:
        times = f"{event.count or 1} request{'' if event.count == 1 else 's'}"
        return Entry(
            event, who, "refused", event.model or "", f"{times} by {event.limit or event.code or 'a limit'}"
        )
    how = detail.get("reason") or " ".join(filter(None, (event.status, event.code)))
    return Entry(event, who, str(event.kind), event.model or "", str(how))


def _of(event: Event) -> Place:
    return Place(event.admitted_at, event.seq)
