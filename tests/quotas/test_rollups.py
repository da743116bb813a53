"""Rollups add up to the ledger, and are made again when they fell behind."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Sum

from audit import projections
from audit.models import Event
from orbit.lib import access
from quotas import rebuild, rollups, totals
from quotas.models import DirtyBucket, UsageBucket
from tests.audit.conftest import Feed, feed

__all__ = ["feed"]


def whole(feed: Feed) -> dict[str, int]:
    with access.scope(organization_id=feed.id):
        now = datetime.now(UTC)
        return totals.totals(now - timedelta(days=400), now + timedelta(days=1)).totals


def test_sums_equal_the_ledger(feed: Feed) -> None:
    seeded = random.Random(7)
    for _ in range(60):
        us = int((datetime.now(UTC) - timedelta(minutes=seeded.randrange(60 * 24 * 20))).timestamp() * 1e6)
        source = seeded.choice(["provider", "estimated", "lease_expired"])
        feed.send(
            feed.call(
                admitted_us=us,
                model=seeded.choice(["a", "b"]),
                usage_source=source,
                input_tokens=seeded.randrange(1000),
                output_tokens=seeded.randrange(1000),
                cost_nano=seeded.randrange(10**9),
            )
        )
    feed.write()
    with access.operator():
        calls = Event.objects.filter(organization_id=feed.id, kind="call")
        ledger = calls.aggregate(*(Sum(name) for name in ("input_tokens", "output_tokens", "cost_nano")))
        estimated = calls.exclude(usage_source="provider").count()
    found = whole(feed)
    assert found["requests"] == 60
    assert found["estimated_requests"] == estimated
    for name in ("input_tokens", "output_tokens", "cost_nano"):
        assert found[name] == ledger[f"{name}__sum"]


def test_failed_projection_leaves_the_ledger_written_and_is_rebuilt(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.send(feed.call())
    feed.write()

    def broken(rows: object) -> None:
        raise ValueError("no room")

    with monkeypatch.context() as patch:
        patch.setitem(
            projections.registry.projections,
            "rollups",
            projections.Projection("rollups", broken, rollups.failed),
        )
        feed.send(feed.call())
        feed.write()
    assert len(feed.rows()) == 3
    with access.operator():
        assert DirtyBucket.objects.filter(organization_id=feed.id).exists()
    assert whole(feed)["requests"] == 1
    rebuild.rebuild()
    assert whole(feed)["requests"] == 2
    with access.operator():
        assert not DirtyBucket.objects.filter(organization_id=feed.id).exists()


def test_days_follow_the_organizations_zone(feed: Feed) -> None:
    for hour in (1, 20):  # in Kathmandu (+05:45) 01:00 UTC is the same day, 20:00 UTC the next
        moment = datetime(2026, 11, 3, hour, tzinfo=UTC)
        feed.send(feed.call(admitted_us=int(moment.timestamp() * 1e6)))
    feed.write()
    with access.scope(organization_id=feed.id):
        rows = totals.totals(
            datetime(2026, 11, 1, tzinfo=UTC),
            datetime(2026, 12, 1, tzinfo=UTC),
            ["day"],
            time_zone="Asia/Kathmandu",
        ).rows
    assert [(str(row["day"]), row["requests"]) for row in rows] == [
        ("2026-11-03", 1),
        ("2026-11-04", 1),
    ]


def test_bucket_rows_are_of_one_organization_only(feed: Feed) -> None:
    feed.send(feed.call())
    feed.write()
    with access.scope(organization_id=feed.id):
        assert set(UsageBucket.objects.values_list("organization_id", flat=True)) == {feed.id}
