"""What was used: sums over the rollups, for reports and for counters that start anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.db import connections
from django.db.models import F, Min, QuerySet, Sum
from django.db.models.functions import TruncDay

from audit.models import OutboxEntry, ShardPosition
from orbit.lib import access
from orbit.lib.clock import from_us, to_us
from orbit.lib.store import client
from quotas import keys
from quotas.limits import Limit, Window
from quotas.models import UsageBucket
from quotas.rollups import bucket_start

TOTALS = ("requests", "refused", "input_tokens", "output_tokens", "cost_nano", "estimated_requests")
GROUPS = {"project": "project_id", "key": "key_id", "model": "model", "account": "account_id", "day": "day"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of a span and one row for each group; `rows` name the group by id."""

    totals: dict[str, int]
    rows: list[dict[str, Any]]


def totals(since: datetime, until: datetime, by: Sequence[str] = (), *, time_zone: str = "UTC") -> Usage:
    """Sums of the organization in scope over [since, until), both rounded down to a quarter of an hour.

    `by` takes project, key, model, account and day (of `time_zone`).
    """
    buckets = UsageBucket.objects.filter(
        starts_at__gte=bucket_start(since), starts_at__lt=bucket_start(until)
    )
    figures = {name: Sum(name, default=0) for name in (*TOTALS, "failed")}
    whole = buckets.aggregate(**figures)
    if not by:
        return Usage(whole, [])
    grouped = _with_day(buckets, time_zone) if "day" in by else buckets
    fields = [GROUPS[name] for name in by]
    return Usage(whole, list(grouped.order_by().values(*fields).annotate(**figures).order_by(*fields)))


def _with_day(buckets: QuerySet[UsageBucket], time_zone: str) -> QuerySet[UsageBucket]:
    return buckets.annotate(day=TruncDay("starts_at", tzinfo=ZoneInfo(time_zone)))


def complete_until(shard: int, now: datetime) -> datetime:
    """Up to when every call is in the ledger: before the oldest unread event and the oldest open lease."""
    store = client()
    position = ShardPosition.objects.get(shard=shard).stream_id
    unread: Any = store.xrange(keys.stream(shard), min=f"({position}", count=500)
    moments = [now]
    for _, fields in unread:
        moments.append(from_us(_admitted_us(fields) or int(fields[b"t"])))
    open_leases: Any = store.zrange(keys.leases(shard), 0, 499)
    pipeline = store.pipeline(transaction=False)
    for lease in open_leases:
        pipeline.hget(keys.lease(shard, lease.decode()), "a")
    moments += [from_us(int(admitted)) for admitted in pipeline.execute() if admitted]
    oldest_act = OutboxEntry.objects.aggregate(oldest=Min("created_at"))["oldest"]
    if oldest_act is not None:
        moments.append(oldest_act)
    return min(moments)


def _admitted_us(fields: dict[bytes, bytes]) -> int | None:
    if fields.get(b"k") == b"refusal":
        return int(fields[b"e"].split(b"\n", 1)[0])
    admitted: int | None = orjson.loads(fields[b"e"]).get("admitted_us")
    return admitted


def spent(shard: int, organization_id: str, limit: Limit, window: Window) -> tuple[int, str]:
    """What was used of a limit's counter in a window, and the last stream id that this includes.

    The ledger's sums and its position are read in one snapshot; the unread rest comes from the stream.
    """
    with access.scope(organization_id=UUID(organization_id)):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT stream_id FROM audit_shardposition WHERE shard = %s", [shard])
            before = cursor.fetchone()[0]
        used = _in_ledger(limit, window)
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT stream_id FROM audit_shardposition WHERE shard = %s", [shard])
            after = cursor.fetchone()[0]
    if before != after:
        return spent(shard, organization_id, limit, window)
    return _unread(shard, organization_id, limit, window, used, after)


def _in_ledger(limit: Limit, window: Window) -> int:
    buckets = UsageBucket.objects.filter(
        starts_at__lt=_moment(window.end), starts_at__gte=_moment(window.start)
    )
    if limit.level != "organization":
        buckets = buckets.filter(**{f"{limit.level}_id": UUID(limit.object_id)})
    if limit.models is not None:
        buckets = buckets.filter(model__in=limit.models)
    amount = {
        "requests": F("requests"),
        "tokens": F("input_tokens") + F("output_tokens"),
        "input_tokens": F("input_tokens"),
        "output_tokens": F("output_tokens"),
        "cost": F("cost_nano"),
    }[limit.meter]
    total: int = buckets.aggregate(total=Sum(amount, default=0))["total"]
    return total


def _moment(us: int) -> datetime:
    return from_us(min(us, to_us(datetime(9000, 1, 1, tzinfo=UTC))))


def _unread(
    shard: int, organization_id: str, limit: Limit, window: Window, used: int, position: str
) -> tuple[int, str]:
    store = client()
    while True:
        found: Any = store.xrange(keys.stream(shard), min=f"({position}", count=1000)
        if not found:
            return used, position
        for stream_id, fields in found:
            position = stream_id.decode()
            if fields.get(b"k") == b"call":
                used += _of_event(orjson.loads(fields[b"e"]), organization_id, limit, window)


def _of_event(event: dict[str, Any], organization_id: str, limit: Limit, window: Window) -> int:
    mine = event.get("organization_id") == organization_id
    if limit.level != "organization":
        mine = mine and event.get(f"{limit.level}_id") == limit.object_id
    if not mine or not window.start <= event.get("admitted_us", 0) < window.end:
        return 0
    if limit.models is not None and event.get("model") not in limit.models:
        return 0
    given, made = event.get("input_tokens") or 0, event.get("output_tokens") or 0
    amounts = {"requests": 1, "input_tokens": given, "output_tokens": made, "tokens": given + made}
    amounts["cost"] = event.get("cost_nano") or 0
    return int(amounts[limit.meter])
