"""The ledger read in the order of its chain or of time, so many entries at a time however rare what is looked for is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.models import DroppedMonth, Event, Skeleton
from orbit.lib.clock import from_us

SCANNED = 20_000  # entries looked at for one page: tens of milliseconds


def stretch(
    rows: QuerySet[Event], wanted: dict[str, Any], *, limit: int, newest_first: bool = True
) -> tuple[list[Event], int | None]:
    """Up to `limit` of the rows that are as `wanted`, and the sequence after which to look for further ones.

    `rows` are found by an index (by sequence, and kinds other than calls by theirs); `wanted` is asked of each of them,
    of SCANNED at most. There may be fewer than `limit`, even none, and more to come; None says that there are not.
    """
    ordered = rows.order_by("-seq" if newest_first else "seq")
    last = _last_scanned(ordered) if wanted else None
    if last is not None:
        ordered = ordered.filter(**{"seq__gte" if newest_first else "seq__lte": last})
    found = list(ordered.filter(**wanted)[: limit + 1])
    if len(found) > limit:
        return found[:limit], found[limit - 1].seq
    return found, last


def _last_scanned(ordered: QuerySet[Event]) -> int | None:
    """Where a page stops at the latest; None where the ledger ends before."""
    return ordered.values_list("seq", flat=True)[SCANNED - 1 : SCANNED].first()


@dataclass(frozen=True, slots=True)
class Place:
    """Between two entries in the order of time."""

    at: datetime
    seq: int


def by_time(
    rows: QuerySet[Event],
    wanted: dict[str, Any],
    *,
    limit: int,
    start: Place | None = None,
    newest_first: bool = True,
) -> tuple[list[Event], Place | None]:
    """As `stretch`, in the order in which calls were admitted: also a day long ago is found by an index.

    Goes on behind `start`, which is what the page before returned.
    """
    ordered = rows.order_by(*(("-admitted_at", "-seq") if newest_first else ("admitted_at", "seq")))
    edge, inside = ("lt", "lte") if newest_first else ("gt", "gte")
    if start is not None:
        beyond = Q(**{f"admitted_at__{edge}": start.at}) | Q(**{f"seq__{edge}": start.seq})
        ordered = ordered.filter(beyond, **{f"admitted_at__{inside}": start.at})
    bare = ordered.order_by("-admitted_at" if newest_first else "admitted_at")
    last = bare.values_list("admitted_at", flat=True)[SCANNED - 1 : SCANNED].first()
    if last is not None:
        ordered = ordered.filter(**{"admitted_at__gte" if newest_first else "admitted_at__lte": last})
    found = list(ordered.filter(**wanted)[: limit + 1])
    if len(found) > limit:
        return found[:limit], Place(found[limit - 1].admitted_at, found[limit - 1].seq)
    # of that moment all were looked at
    return found, None if last is None else Place(last, 0 if newest_first else 2**63 - 1)


def dropped(organization_id: UUID, since: datetime | None, until: datetime | None) -> list[DroppedMonth]:
    """What the range has lost to retention, the oldest first. Empty says that nothing of it was dropped."""
    months = DroppedMonth.objects.filter(organization_id=organization_id).order_by("month", "id")
    if since is not None:
        months = months.filter(month__gte=since.astimezone(UTC).date().replace(day=1))
    if until is not None:
        months = months.filter(month__lte=until.astimezone(UTC).date())
    return list(months)


def left_of(organization_id: UUID, event_id: UUID) -> Skeleton | None:
    """What outlived an event that was dropped; None for one that was not."""
    return Skeleton.objects.filter(organization_id=organization_id, event_id=event_id).first()


def refused_around(
    organization_id: UUID, request_id: UUID, wanted: Mapping[str, Any], most: int
) -> tuple[datetime, list[Event]] | None:
    """When a request came, which its id says, and the counts of what was refused around that minute.

    None for an id that is not of ours.
    """
    moment = came_at(request_id)
    if moment is None:
        return None
    minute = moment.replace(second=0, microsecond=0)
    rows = Event.objects.filter(
        organization_id=organization_id,
        kind=Event.Kind.REFUSAL,
        admitted_at__gte=minute - timedelta(minutes=1),
        admitted_at__lte=minute + timedelta(minutes=1),
        **wanted,
    )
    return moment, list(rows.order_by("admitted_at", "seq")[:most])


def came_at(request_id: UUID) -> datetime | None:
    """When a request with the id came; None for an id that is not of ours."""
    return from_us((request_id.int >> 80) * 1000) if request_id.version == 7 else None
