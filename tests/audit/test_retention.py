"""Months are dropped when their class says so; chain, uniqueness and the organization's knowledge outlive them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connections, transaction

from audit import chain, retention
from audit.models import DroppedMonth, Event, OutboxEntry, Skeleton
from audit.retention import Leaf
from orbit.lib import access
from orbit.lib.clock import rfc3339, to_us
from tests.audit.conftest import Feed

NOW = datetime.now(UTC)


def months_ago(count: int) -> datetime:
    """The tenth of that month."""
    month = retention.month_of(NOW)
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
    return datetime(month.year, month.month, 10, tzinfo=UTC)


def old_call(feed: Feed, moment: datetime, **fields: Any) -> dict[str, Any]:
    return feed.call(admitted_us=to_us(moment), retention=30, **fields)


def tables() -> set[str]:
    with access.ledger():
        return {leaf.table for leaf, _, _ in retention.leaves()}


def leaf_of(event: Event) -> str:
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM audit_event WHERE event_id = %s", [event.event_id]
        )
        return str(cursor.fetchone()[0])


@pytest.fixture
def gone() -> Iterator[Leaf]:
    """A month of the class of 30 days that is over; whatever other tests left there is dropped with it."""
    leaf = Leaf(retention.month_of(months_ago(4)), 30)
    yield leaf
    if leaf.table in tables():
        retention.drop(leaf)


def test_event_lies_in_the_partition_of_its_class_and_month(feed: Feed) -> None:
    feed.send(feed.call(retention=90))
    feed.send(feed.call())
    feed.write()
    kept, forever = feed.rows()[-2:]
    assert (kept.retention, leaf_of(kept)) == (90, f"audit_event_d90_{NOW:%Y_%m}")
    assert (forever.retention, leaf_of(forever)) == (0, f"audit_event_{NOW:%Y_%m}")


def test_what_no_policy_speaks_of_is_kept_as_the_installation_says(feed: Feed, settings: Any) -> None:
    settings.ORBIT_RETENTION_DAYS = 400
    feed.send(feed.call())
    feed.send(feed.call(retention=7))  # no class of ours
    feed.write()
    assert [row.retention for row in feed.rows()[-2:]] == [400, 400]


def test_event_of_an_impossible_time_is_kept_without_limit(feed: Feed) -> None:
    feed.send(old_call(feed, datetime(1999, 1, 1, tzinfo=UTC)))
    feed.write()
    row = feed.rows()[-1]
    assert (row.retention, leaf_of(row)) == (0, "audit_event_other")


def test_correction_is_kept_as_long_as_what_it_corrects(feed: Feed) -> None:
    lapsed = feed.call(status="lease_expired", usage_source="lease_expired", retention=90)
    feed.send(lapsed)
    feed.write()
    feed.send({**lapsed, "status": "settled", "retention": 30}, kind="late")
    feed.write()
    assert [(row.kind, row.retention) for row in feed.rows()[-2:]] == [("call", 90), ("correction", 90)]


@pytest.mark.parametrize(("asked", "kept"), [(90, 90), (7, 400), (None, 400)])
def test_adjustment_is_kept_as_it_asks(feed: Feed, settings: Any, asked: int | None, kept: int) -> None:
    settings.ORBIT_RETENTION_DAYS = 400
    adjusted = feed.call(kind="adjustment", corrects=str(uuid4()), admitted_at=rfc3339(NOW), retention=asked)
    del adjusted["admitted_us"]
    with access.scope(organization_id=feed.id):
        OutboxEntry.objects.create(organization_id=feed.id, shard=feed.organization.shard, event=adjusted)
    feed.write()
    assert [(row.kind, row.retention) for row in feed.rows()[-1:]] == [("adjustment", kept)]


def test_dropped_month_leaves_the_chain_whole(feed: Feed, gone: Leaf) -> None:
    for moment in (NOW, gone.since, gone.since + timedelta(days=1), NOW):
        feed.send(feed.call(admitted_us=to_us(moment), retention=30))
    feed.write()
    before = {event["seq"]: event["hash"] for event in feed.exported()}
    assert retention.drop(gone) >= 2
    feed.write()
    left = feed.exported()
    with access.operator():
        skeletons = [
            one.exported() for one in Skeleton.objects.filter(organization_id=feed.id).order_by("seq")
        ]
    assert [one["seq"] for one in skeletons] == [3, 4]
    assert [one["seq"] for one in left] == [1, 2, 5, 6]
    hash_before = chain.START
    for one in sorted([*left, *skeletons], key=lambda one: one["seq"]):
        assert one["prev_hash"] == hash_before
        assert before.get(one["seq"], one["hash"]) == one["hash"]
        if "dropped" not in one:
            assert chain.link(one) == one["hash"]
        hash_before = one["hash"]


def test_drop_is_an_act_and_a_record_of_each_organization(feed: Feed, gone: Leaf) -> None:
    feed.send(old_call(feed, gone.since))
    feed.write()
    retention.drop(gone)
    feed.write()
    act = feed.rows()[-1]
    assert (act.detail["action"], act.detail["target"]) == ("ledger.drop", f"{gone.month:%Y-%m}")
    assert act.detail["before"] == {"events": 1, "first_seq": 2, "last_seq": 2, "retention_days": 30}
    with access.scope(organization_id=feed.id):
        record = DroppedMonth.objects.get()
    assert (record.month, record.retention, record.events) == (gone.month, 30, 1)


def test_event_that_was_dropped_is_not_written_again(feed: Feed, gone: Leaf) -> None:
    event = old_call(feed, gone.since)
    feed.send(event)
    feed.write()
    retention.drop(gone)
    feed.write()
    before = len(feed.rows())
    feed.send(event)
    feed.send({**event, "status": "lease_expired"}, kind="late")
    feed.write()
    assert len(feed.rows()) == before


def test_month_is_dropped_when_its_last_day_was_kept_long_enough(gone: Leaf) -> None:
    with access.ledger():
        retention.make([gone])
    assert gone.drops_at is not None
    assert gone not in retention.drop_due(gone.drops_at - timedelta(seconds=1))
    assert gone.table in tables()
    assert gone in retention.drop_due(gone.drops_at)
    assert gone.table not in tables()


@pytest.mark.parametrize(
    ("days", "month"),
    [(30, retention.month_of(NOW)), (90, retention.month_of(months_ago(2))), (0, date(2020, 1, 1))],
)
def test_database_itself_refuses_to_drop_what_is_not_due(days: int, month: date) -> None:
    with (
        pytest.raises(DatabaseError, match="not to be dropped yet"),
        access.ledger(),
        connections["ledger"].cursor() as cursor,
    ):
        cursor.execute("SELECT audit_drop_partition(%s, %s)", [days, month])


def test_database_itself_refuses_to_drop_without_skeletons(feed: Feed, gone: Leaf) -> None:
    feed.send(old_call(feed, gone.since))
    feed.write()
    with (
        pytest.raises(DatabaseError, match="without a skeleton"),
        access.ledger(),
        connections["ledger"].cursor() as cursor,
    ):
        cursor.execute("SELECT audit_drop_partition(%s, %s)", [gone.days, gone.month])
    assert feed.rows()[-1].kind == "call"


@pytest.mark.parametrize("alias", ["default", "operator"])
@pytest.mark.parametrize("function", ["audit_make_partition", "audit_drop_partition"])
def test_only_the_ledgers_role_makes_and_drops(alias: str, function: str) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(f"SELECT {function}(30, '2026-01-01')")


def test_drop_that_finds_the_table_in_use_waits_for_the_next_time(feed: Feed, gone: Leaf) -> None:
    feed.send(old_call(feed, gone.since))
    feed.write()
    with transaction.atomic(using="operator"), connections["operator"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event WHERE organization_id = %s", [feed.id])
        assert gone not in retention.drop_due(datetime.now(UTC))
    assert feed.rows()[-1].kind == "call"
    assert gone in retention.drop_due(datetime.now(UTC))


def test_months_are_made_ahead_for_classes_in_use(feed: Feed) -> None:
    feed.send(feed.call(retention=2555))
    feed.write()
    retention.make_ahead()
    ahead = retention.month_of(NOW)
    for _ in range(retention.MONTHS_AHEAD):
        ahead = retention.after(ahead)
    assert {f"audit_event_d2555_{ahead:%Y_%m}", f"audit_event_{ahead:%Y_%m}"} <= tables()
    assert retention.make_ahead() == 0
