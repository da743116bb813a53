"""What an organization's pages read. Every function runs in the organization's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Sum

from audit.models import Event
from quotas.models import UsageBucket
from tenants.models import ModelAlias, Organization

LATEST = 20


@dataclass(slots=True)
class Sums:
    requests: int = 0
    refused: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    estimated_requests: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def add(self, row: Mapping[str, Any]) -> None:
        for name in _MEASURES:
            setattr(self, name, getattr(self, name) + row[name])


_MEASURES = tuple(measure.name for measure in fields(Sums))


@dataclass(slots=True)
class Hour:
    starts_at: datetime
    sums: Sums = field(default_factory=Sums)


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day where the organization is: 23 to 25 hours."""

    starts_at: datetime
    ends_at: datetime
    total: Sums
    hours: list[Hour]


def day(organization: Organization, now: datetime) -> Day:
    """The day of `now` from the rollups. Their quarters of an hour add up to the hours of any time zone."""
    zone = ZoneInfo(organization.time_zone)
    today = now.astimezone(zone).date()
    starts_at, ends_at = _midnight(today, zone), _midnight(today + timedelta(days=1), zone)
    rows = (
        UsageBucket.objects.filter(
            organization_id=organization.pk, starts_at__gte=starts_at, starts_at__lt=ends_at
        )
        .values("starts_at")
        .annotate(**{name: Sum(name) for name in _MEASURES})
    )
    hours = [Hour(start.astimezone(zone)) for start in _hours(starts_at, ends_at)]
    total = Sums()
    for row in rows:
        total.add(row)
        hours[(row["starts_at"] - starts_at) // timedelta(hours=1)].sums.add(row)
    return Day(starts_at, ends_at, total, hours)


def today(organization: Organization, now: datetime) -> datetime:
    """When the calendar day of `now` began."""
    zone = ZoneInfo(organization.time_zone)
    return _midnight(now.astimezone(zone).date(), zone)


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, time(), zone).astimezone(UTC)


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += timedelta(hours=1)


def latest_calls(organization_id: UUID) -> list[Event]:
    calls = Event.objects.filter(organization_id=organization_id, kind=Event.Kind.CALL)
    return list(calls.defer("detail").order_by("-admitted_at")[:LATEST])


def one_call(organization_id: UUID, event_id: UUID) -> Event | None:
    calls = Event.objects.filter(organization_id=organization_id, kind=Event.Kind.CALL)
    return calls.filter(event_id=event_id).first()


DROPPED = (
    "This call was dropped when its retention was over. Its hash is kept, so that the chain can be followed."
)


def corrections(organization_id: UUID, call: Event) -> list[Event]:
    """Later entries that name the call. They were admitted when it was, which an index finds."""
    there = Event.objects.filter(organization_id=organization_id, admitted_at=call.admitted_at)
    return list(there.filter(corrects=call.event_id).order_by("seq"))


def first_model(organization_id: UUID) -> str | None:
    """A model that a first request may name."""
    aliases = ModelAlias.objects.filter(organization_id=organization_id)
    return aliases.order_by("created_at").values_list("alias", flat=True).first()
