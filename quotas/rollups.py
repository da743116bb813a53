"""Sums of each quarter of an hour, written by the ledger's writer in its own transaction.

Quarters of UTC add up to the days of every time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connections
from psycopg import sql

from audit.events import Row
from audit.models import Event
from orbit.lib import access
from quotas.models import DirtyBucket, UsageBucket

SUMS = ("requests", "refused", "failed", "input_tokens", "output_tokens", "cost_nano", "estimated_requests")
KEY = ("organization_id", "starts_at", "project_id", "key_id", "account_id", "model", "currency")
MEASURED = ("provider",)  # usage sources that are the provider's own final word
QUARTER = timedelta(minutes=15)
NEEDED = (
    "kind", "organization_id", "admitted_at", "project_id", "key_id", "account_id", "model", "currency", "status",
    "usage_source", "input_tokens", "output_tokens", "cost_nano", "count", "detail",
)  # fmt: skip

ADD = sql.SQL(
    "INSERT INTO quotas_usagebucket AS b ({columns}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {sums}"
).format(
    columns=sql.SQL(", ").join(map(sql.Identifier, (*KEY, *SUMS))),
    values=sql.SQL(", ").join([sql.Placeholder()] * (len(KEY) + len(SUMS))),
    key=sql.SQL(", ").join(map(sql.Identifier, KEY)),
    sums=sql.SQL(", ").join(
        sql.SQL("{0} = b.{0} + excluded.{0}").format(sql.Identifier(name)) for name in SUMS
    ),
)

Sums = dict[tuple[Any, ...], dict[str, int]]


def bucket_start(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def sums(rows: Sequence[Row]) -> Sums:
    """What rows of the ledger add to each bucket."""
    found: Sums = {}
    for row in rows:
        if row["kind"] == "act" or row["key_id"] is None:
            continue
        start = bucket_start(row["admitted_at"])
        model, currency = row["model"] or "", row["currency"] or ""
        identity = (
            row["organization_id"],
            start,
            row["project_id"],
            row["key_id"],
            row["account_id"],
            model,
            currency,
        )
        bucket = found.setdefault(identity, dict.fromkeys(SUMS, 0))
        for name in ("input_tokens", "output_tokens", "cost_nano"):
            bucket[name] += row[name] or 0
        if row["kind"] == "refusal" and not row["detail"].get("shadow"):
            bucket["refused"] += row["count"] or 0
        if row["kind"] == "call":
            bucket["requests"] += 1
            bucket["failed"] += row["status"] == "provider_failed"
            bucket["estimated_requests"] += row["usage_source"] not in MEASURED
    return found


def apply(rows: Sequence[Row]) -> None:
    _add(sums(rows))


def _add(found: Sums) -> None:
    if not found:
        return
    buckets = [
        UsageBucket(**dict(zip(KEY, identity, strict=True)), **figures) for identity, figures in found.items()
    ]
    with connections["ledger"].cursor() as cursor:
        cursor.executemany(ADD, [[getattr(bucket, name) for name in (*KEY, *SUMS)] for bucket in buckets])


def failed(rows: Sequence[Row], error: Exception) -> None:
    """Remembers which buckets the ledger is ahead of."""
    dirty = {(row["organization_id"], bucket_start(row["admitted_at"])) for row in rows}
    DirtyBucket.objects.bulk_create(
        [DirtyBucket(organization_id=one, starts_at=start, reason=str(error)[:500]) for one, start in dirty],
        ignore_conflicts=True,
    )


def rebuild() -> int:
    """Makes every dirty bucket again from the ledger; returns how many there were."""
    with access.ledger():
        dirty = list(DirtyBucket.objects.all())
        for one in dirty:
            _rebuild(one)
    return len(dirty)


def _rebuild(dirty: DirtyBucket) -> None:
    from_quarter = UsageBucket.objects.filter(
        organization_id=dirty.organization_id, starts_at=dirty.starts_at
    )
    from_quarter.delete()
    events = Event.objects.filter(
        organization_id=dirty.organization_id,
        admitted_at__gte=dirty.starts_at,
        admitted_at__lt=dirty.starts_at + QUARTER,
    )
    _add(sums([{name: getattr(event, name) for name in NEEDED} for event in events.iterator()]))
    dirty.delete()
