"""What things did lately, from the rollups: one question for all rows of a list. Every function runs in the organization's scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Max, Q, Sum

from quotas.models import UsageBucket
from tenants.models import Organization

Field = Literal["project_id", "key_id", "account_id", "model"]
RowT = TypeVar("RowT")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Glance:
    """Of this calendar month where the organization is; `day_…` of the last 24 hours, to the quarter of an hour."""

    calls: int = 0
    failed: int = 0
    cost_nano: int = 0
    day_calls: int = 0
    day_failed: int = 0
    day_refused: int = 0
    active_at: datetime | None = None  # the quarter of an hour of the latest call


@dataclass(frozen=True, slots=True)
class Row(Generic[RowT]):
    """A row of a list, and what it did."""

    it: RowT
    did: Glance


NOTHING = Glance()


def month_start(organization: Organization, now: datetime) -> datetime:
    here = now.astimezone(ZoneInfo(organization.time_zone))
    return here.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def glances(
    organization: Organization, field: Field, of: Collection[Any], now: datetime | None = None
) -> Mapping[Any, Glance]:
    """By the value of `field`. What did nothing is left out."""
    now = now or datetime.now(UTC)
    month, day = month_start(organization, now), now - _DAY
    this_month, last_day = Q(starts_at__gte=month), Q(starts_at__gt=day)
    buckets = UsageBucket.objects.filter(
        organization_id=organization.pk, starts_at__gte=min(month, day), **{f"{field}__in": list(of)}
    )
    rows = buckets.order_by().values(field)
    rows = rows.annotate(
        calls=Sum("requests", filter=this_month, default=0),
        month_failed=Sum("failed", filter=this_month, default=0),
        cost=Sum("cost_nano", filter=this_month, default=0),
        day_calls=Sum("requests", filter=last_day, default=0),
        day_failed=Sum("failed", filter=last_day, default=0),
        day_refused=Sum("refused", filter=last_day, default=0),
        active_at=Max("starts_at", filter=Q(requests__gt=0)),
    )
    return {
        one[field]: Glance(
            one["calls"],
            one["month_failed"],
            one["cost"],
            one["day_calls"],
            one["day_failed"],
            one["day_refused"],
            one["active_at"],
        )
        for one in rows
    }


def calls_a_day(did: Glance) -> str:
    """For whoever is about to end something."""
    if not did.day_calls:
        return "no call came in the last 24 hours"
    return f"{did.day_calls:,} call{'' if did.day_calls == 1 else 's'} came in the last 24 hours"


def of_all(organization: Organization, now: datetime | None = None) -> Glance:
    """Of the whole organization, the last 24 hours alone."""
    since = (now or datetime.now(UTC)) - _DAY
    buckets = UsageBucket.objects.filter(organization_id=organization.pk, starts_at__gt=since)
    sums = buckets.aggregate(
        calls=Sum("requests", default=0), failed=Sum("failed", default=0), refused=Sum("refused", default=0)
    )
    return Glance(day_calls=sums["calls"], day_failed=sums["failed"], day_refused=sums["refused"])


def month_spend(organization: Organization, keys: Any, now: datetime | None = None) -> Glance:
    """Of these keys together, this month alone; `keys` may be a question of its own."""
    since = month_start(organization, now or datetime.now(UTC))
    buckets = UsageBucket.objects.filter(
        organization_id=organization.pk, starts_at__gte=since, key_id__in=keys
    )
    sums = buckets.aggregate(
        calls=Sum("requests", default=0), failed=Sum("failed", default=0), cost=Sum("cost_nano", default=0)
    )
    return Glance(calls=sums["calls"], failed=sums["failed"], cost_nano=sums["cost"])
