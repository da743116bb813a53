"""What events tell of findings is summed by type, project, direction and action, and can be summed anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from audit import projections
from audit.services import record_act
from orbit.lib import access
from quotas import rebuild, rollups
from quotas.findings import reading
from quotas.models import DirtyBucket, FindingBucket
from tenants.services.false_positives import FALSE_POSITIVE
from tests.audit.conftest import Feed, feed

__all__ = ["feed"]

NOON = datetime(2026, 3, 10, 12, 5, tzinfo=UTC)


def one(kind: str = "EMAIL_ADDRESS", count: int = 1, action: str = "mask", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "direction": "request",
        "place": "user",
        "action": action,
        "count": count,
        **more,
    }


def call(feed: Feed, *found: dict[str, Any], at: datetime = NOON, **more: Any) -> dict[str, Any]:
    detail = {"dlp": {"findings": list(found)}}
    return feed.call(**{"admitted_us": int(at.timestamp() * 1e6), "detail": detail, **more})


def told(feed: Feed, *found: dict[str, Any], **more: Any) -> None:
    feed.send(call(feed, *found, **more))


def sums(
    feed: Feed,
    *by: str,
    since: datetime = NOON - timedelta(days=400),
    until: datetime = NOON + timedelta(days=400),
    **more: Any,
) -> dict[Any, int]:
    asked = reading.Asked(rollups.bucket_start(since), rollups.bucket_start(until), by, **more)
    with access.scope(organization_id=feed.id):
        rows = reading.read(asked)
    return {tuple(row[name] for name in by): row["findings"] for row in rows}


def test_findings_are_summed_by_all_that_they_are_told_by(feed: Feed) -> None:
    other = str(uuid4())
    told(feed, one(count=2), one(place="system"), one("SECRET", action="log", shadow=True))
    told(feed, one(), one(direction="answer"), project_id=other)
    feed.write()
    assert sums(feed) == {(): 6}
    assert sums(feed, "type") == {("EMAIL_ADDRESS",): 5, ("SECRET",): 1}
    assert sums(feed, "project") == {(feed.id,): 4, (UUID(other),): 2}
    assert sums(feed, "direction", "action", "shadow") == {
        ("request", "mask", False): 4,
        ("answer", "mask", False): 1,
        ("request", "log", True): 1,
    }
    assert sums(feed, "type", only={"project": UUID(other), "direction": "answer"}) == {("EMAIL_ADDRESS",): 1}


def test_all_types_together_are_summed_alike(feed: Feed) -> None:
    told(feed, one(count=2), one("SECRET", action="log"), one("SECRET", direction="answer"))
    feed.write()
    for by in ((), ("project",), ("action", "shadow"), ("day",)):
        apart: dict[Any, int] = {}
        for key, found in sums(feed, *by, "type").items():
            apart[key[:-1]] = apart.get(key[:-1], 0) + found
        assert sums(feed, *by) == apart


def test_days_are_those_of_the_time_zone(feed: Feed) -> None:
    for hour in (0, 3, 22):
        told(feed, one(), at=datetime(2026, 3, 10, hour, 50, tzinfo=UTC))
    feed.write()
    assert list(sums(feed, "day").values()) == [3]
    zone = "Asia/Kathmandu"  # 5:45 ahead
    assert {day.isoformat(): found for (day,), found in sums(feed, "day", time_zone=zone).items()} == {
        "2026-03-10": 2,
        "2026-03-11": 1,
    }


def test_ends_of_a_span_are_read_by_the_quarter(feed: Feed) -> None:
    for day in range(4):
        told(feed, one(), at=NOON + timedelta(days=day))
    feed.write()
    assert sums(feed, since=NOON, until=NOON + timedelta(days=3)) == {(): 3}
    assert sums(feed, since=NOON + timedelta(minutes=15), until=NOON + timedelta(days=3, minutes=15)) == {
        (): 3
    }
    assert sums(feed, since=NOON, until=NOON + timedelta(minutes=15)) == {(): 1}


def test_late_settlement_of_a_lapsed_lease_adds_what_its_answer_had(feed: Feed) -> None:
    lapsed = call(feed, one())
    feed.send({**lapsed, "status": "lease_expired"})
    late = {**lapsed, "detail": {"dlp": {"findings": [one(), one("SECRET", direction="answer")]}}}
    feed.send(late, "late", d="0 0 0")
    feed.write()
    assert [row.kind for row in feed.rows()[1:]] == ["call", "correction"]
    assert sums(feed, "type") == {("EMAIL_ADDRESS",): 1, ("SECRET",): 1}


def test_false_alarms_are_counted_by_type(feed: Feed) -> None:
    with access.scope(organization_id=feed.id):
        record_act(
            organization=feed.organization.slug,
            shard=feed.organization.shard,
            actor="test",
            action=FALSE_POSITIVE,
            target="default",
            after={"type": "PERSON"},
        )
    feed.write()
    now = datetime.now(UTC)
    asked = reading.Asked(rollups.bucket_start(now - timedelta(hours=1)), now + timedelta(hours=1), ("type",))
    with access.scope(organization_id=feed.id):
        assert reading.read(asked) == [{"type": "PERSON", "findings": 0, "false_positives": 1}]


def test_types_beyond_what_is_told_apart_are_summed_as_one(feed: Feed, settings: Any) -> None:
    settings.ORBIT_ROLLUP_VALUES = 2
    told(feed, one("A1"), one("B2"), one("C3"), one("D4"))
    told(feed, one("A1"), one("C3"))
    feed.write()
    assert sums(feed, "type") == {("A1",): 2, ("B2",): 1, ("(other)",): 3}


def test_rebuilding_gives_the_same_sums(feed: Feed) -> None:
    for minutes in (0, 40, 2_000):
        told(feed, one(count=3), one("SECRET", action="log"), at=NOON + timedelta(minutes=minutes))
    feed.write()
    groups = ("type", "project", "day", "action")
    before = sums(feed, *groups)
    with access.ledger():
        FindingBucket.objects.filter(organization_id=feed.id).update(findings=99)
    rebuild.rebuild_all(feed.id)
    assert sums(feed, *groups) == before
    assert sums(feed, "type") == {("EMAIL_ADDRESS",): 9, ("SECRET",): 3}  # by day


def test_sums_that_fell_behind_are_made_again(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rows: object) -> None:
        raise RuntimeError("out of order")

    kept = projections.registry.projections["findings"]
    broken_one = projections.Projection("findings", broken, kept.failed)
    monkeypatch.setitem(projections.registry.projections, "findings", broken_one)
    told(feed, one())
    feed.write()
    assert sums(feed) == {(): 0}
    with access.ledger():
        assert DirtyBucket.objects.filter(organization_id=feed.id).exists()
    rebuild.rebuild()
    assert sums(feed) == {(): 1}


def test_calls_without_findings_cost_the_writer_no_statement(feed: Feed) -> None:
    told(feed, one())
    feed.send(feed.call())
    with CaptureQueriesContext(connections["ledger"]) as statements:
        feed.write()
    assert any("quotas_findingbucket" in one["sql"] for one in statements.captured_queries)
    feed.send(feed.call())
    with CaptureQueriesContext(connections["ledger"]) as statements:
        feed.write()
    assert not any("quotas_finding" in one["sql"] for one in statements.captured_queries)
