"""What a rebuild and a late word are told of a call that the ledger has, and how it is looked up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from orbit.lib import access
from orbit.lib.ids import uuid7
from quotas import recovery
from quotas.engine import Booked
from quotas.limits import Amounts
from tests.audit.conftest import Feed, feed

__all__ = ["feed"]

CHARGED = Amounts(300, 500, 9_000)
MANY = 20_000
FILL = """INSERT INTO audit_event (event_id, kind, v, organization_id, organization, seq, shard, shard_seq, admitted_at,
  recorded_at, status, detail, prev_hash, hash, retention)
SELECT gen_random_uuid(), 'call', 1, organization_id, organization, n + 1000, shard, n + 1000000000, admitted_at, recorded_at,
  'settled', detail, prev_hash, hash, retention FROM audit_event, generate_series(1, %s) AS n WHERE event_id = %s"""


def lapsed(feed: Feed) -> dict[str, Any]:
    event = feed.call(
        status="lease_expired",
        input_tokens=CHARGED.input_tokens,
        output_tokens=CHARGED.output_tokens,
        cost_nano=CHARGED.cost_nano,
    )
    feed.send(event)
    feed.write()
    return event


def told(event: dict[str, Any]) -> Booked:
    """The same to the ledger's writer and to the organization."""
    with access.ledger():
        found = recovery.in_ledger([event["event_id"]])[event["event_id"]]
    assert recovery.booked(event["organization_id"], event["event_id"]) == found
    return found


def test_lapsed_call_waits_for_its_end_until_a_correction_tells_it(feed: Feed) -> None:
    event = lapsed(feed)
    assert told(event) == Booked(True, CHARGED)
    feed.send(
        {**event, "status": "settled", "input_tokens": 30, "output_tokens": 50, "cost_nano": 900}, "late"
    )
    feed.write()
    assert told(event) == Booked(False, CHARGED)


def test_an_adjustment_keeps_no_late_word_out(feed: Feed) -> None:
    event = lapsed(feed)
    adjustment = {
        **{name: event[name] for name in ("v", "organization_id", "organization", "currency")},
        "event_id": str(uuid7()),
        "kind": "adjustment",
        "corrects": event["event_id"],
        "admitted_us": event["admitted_us"],
        "cost_nano": -500,
        "detail": {"reason": "another price"},
    }
    feed.send(adjustment)
    feed.write()
    assert told(event) == Booked(True, CHARGED)


def test_call_that_the_ledger_lacks_is_not_told_of(feed: Feed) -> None:
    unknown = str(uuid7())
    assert recovery.booked(str(feed.id), unknown) is None
    with access.ledger():
        assert recovery.in_ledger([unknown]) == {}


def test_what_is_looked_up_takes_no_walk_through_the_ledger(feed: Feed) -> None:
    """The rows that make the ledger long are never committed."""
    event = lapsed(feed)
    ids = [event["event_id"], *(str(uuid7()) for _ in range(20))]
    with access.ledger(), connections["ledger"].cursor() as cursor:
        cursor.execute(FILL, [MANY, UUID(event["event_id"])])
        with CaptureQueriesContext(connections["ledger"]) as asked:
            assert recovery.in_ledger(ids)[event["event_id"]].lapsed
        seen = []
        for query in asked.captured_queries:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
            seen.append(looked_at(cursor.fetchone()[0][0]["Plan"]))
        transaction.set_rollback(True, using="ledger")
    assert len(seen) == 2
    assert max(seen) < MANY / 10


def looked_at(plan: dict[str, Any]) -> int:
    """Rows and entries of indexes that the plan's steps took in hand, those that they threw away included."""
    thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    mine = (plan["Actual Rows"] + thrown) * plan["Actual Loops"]
    return int(mine) + sum(looked_at(one) for one in plan.get("Plans", []))
