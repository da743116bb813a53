"""Reads the list, in the organization's scope: a page of it, all that a file may hold, what an id stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from audit import reading
from audit.models import Event, Skeleton
from audit.reading import Place
from console.calls.asked import REFUSAL, Asked
from tenants.models import ApiKey, Membership
from tenants.rights import Right, may

SHOWN = 50
MOST_ROWS = 10_000  # of a file
MOST_STRETCHES = 20  # that are looked through for one


@dataclass(frozen=True, slots=True)
class Found:
    """`newer` and `older` are where to go on; None where there is nothing."""

    rows: list[Event]
    newer: Place | None
    older: Place | None


def page(membership: Membership, asked: Asked) -> Found:
    """InputError for a key that is none."""
    wanted = asked.wanted() | own_only(membership)
    rows = _rows(membership, asked)
    if asked.before is not None and asked.after is None:
        found, more = reading.by_time(rows, wanted, limit=SHOWN, start=asked.before, newest_first=False)
        found.reverse()
        older = _of(found[-1]) if found else asked.before
        return Found(found, more, older)
    found, more = reading.by_time(rows, wanted, limit=SHOWN, start=asked.after)
    newer = (_of(found[0]) if found else asked.after) if asked.after else None
    return Found(found, newer, more)


def everything(membership: Membership, asked: Asked) -> tuple[list[Event], bool]:
    """The newest MOST_ROWS, and whether that is all."""
    wanted, rows = asked.wanted() | own_only(membership), _rows(membership, asked)
    found: list[Event] = []
    start: Place | None = None
    for _ in range(MOST_STRETCHES):
        some, start = reading.by_time(rows, wanted, limit=MOST_ROWS - len(found), start=start)
        found += some
        if start is None or len(found) >= MOST_ROWS:
            break
    return found, start is None


def call(membership: Membership, event_id: UUID) -> Event | None:
    calls = Event.objects.filter(organization_id=membership.organization_id, kind=Event.Kind.CALL)
    return calls.filter(event_id=event_id, **own_only(membership)).first()


def left_of(membership: Membership, event_id: UUID) -> Skeleton | None:
    """Of a call that was dropped. What is left names no key, so it is for whoever may read all calls."""
    if not may(membership, Right.CALLS_READ):
        return None
    found = reading.left_of(membership.organization_id, event_id)
    return found if found is not None and found.kind == Event.Kind.CALL else None


def refused_around(membership: Membership, request_id: UUID) -> tuple[datetime, list[Event]] | None:
    """When a request came, which its id says, and what was refused then. None for an id that is not of ours."""
    return reading.refused_around(membership.organization_id, request_id, own_only(membership), SHOWN)


def own_only(membership: Membership) -> dict[str, Any]:
    """Who may not read the organization's calls sees those of keys that are their own."""
    if may(membership, Right.CALLS_READ):
        return {}
    return {"key_id__in": own_keys(membership)}


def own_keys(membership: Membership) -> list[UUID]:
    return list(ApiKey.objects.filter(person_id=membership.person_id).values_list("pk", flat=True))


def _rows(membership: Membership, asked: Asked) -> QuerySet[Event]:
    """What an index finds."""
    rows = Event.objects.filter(organization_id=membership.organization_id)
    if asked.since is not None:
        rows = rows.filter(admitted_at__gte=asked.since)
    if asked.until is not None:
        rows = rows.filter(admitted_at__lt=asked.until)
    return rows.filter(kind=REFUSAL) if asked.kind == REFUSAL else rows


def _of(event: Event) -> Place:
    return Place(event.admitted_at, event.seq)
