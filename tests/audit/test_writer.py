"""The ledger's writer: in order, once, and nothing lost to an entry that cannot be written."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.db import ProgrammingError, connections, transaction

from audit import chain, ledger
from audit.models import DeadLetter, ShardPosition
from orbit.lib import access
from orbit.lib.rowlevel import ROLES
from orbit.lib.store import client
from quotas import keys
from tests.audit.conftest import Feed


def test_stream_key_is_the_one_that_the_scripts_write_to() -> None:
    assert ledger.stream_key(7) == keys.stream(7)


def test_sequence_has_no_gaps_and_the_chain_verifies(feed: Feed) -> None:
    for _ in range(20):
        feed.send(feed.call())
    feed.write()
    events = feed.exported()
    assert [event["seq"] for event in events] == list(range(1, 22))
    before = chain.START
    for event in events:
        assert event["prev_hash"] == before
        assert event["hash"] == chain.link(event)
        before = event["hash"]


def test_a_changed_row_breaks_the_chain(feed: Feed) -> None:
    feed.send(feed.call())
    feed.write()
    event = feed.exported()[-1]
    assert chain.link({**event, "cost_nano": 1}) != event["hash"]


def test_same_event_twice_is_one_row(feed: Feed) -> None:
    event = feed.call()
    feed.send(event)
    feed.send(event)
    feed.write()
    feed.send(event)
    feed.write()
    assert len([row for row in feed.rows() if row.kind == "call"]) == 1


def test_late_settlement_becomes_a_correction_with_the_difference(feed: Feed) -> None:
    lapsed = feed.call(status="lease_expired", usage_source="lease_expired", input_tokens=100, cost_nano=9000)
    feed.send(lapsed)
    settled = {
        **lapsed,
        "status": "settled",
        "usage_source": "provider",
        "input_tokens": 60,
        "cost_nano": 7000,
    }
    feed.send(settled, kind="late")
    feed.send(settled, kind="late")
    feed.write()
    original, correction = feed.rows()[1:]
    assert (original.kind, original.input_tokens) == ("call", 100)
    assert (correction.kind, correction.corrects) == ("correction", UUID(lapsed["event_id"]))
    assert (correction.input_tokens, correction.output_tokens, correction.cost_nano) == (-40, 0, -2000)
    assert correction.admitted_at == original.admitted_at


@pytest.mark.parametrize(
    "poison",
    ["{", "[]", '{"kind": "call"}', '{"event_id": "x"}', '"text"'],
)
def test_poison_goes_to_the_dead_letters_and_the_rest_flows(feed: Feed, poison: str) -> None:
    feed.send(feed.call())
    feed.send(poison)
    feed.send(feed.call())
    feed.write()
    assert len([row for row in feed.rows() if row.kind == "call"]) == 2
    with access.operator():
        letter = DeadLetter.objects.filter(shard=feed.organization.shard).latest("pk")
    assert poison in letter.payload.replace("\\", "")
    assert letter.reason


def test_entry_that_the_database_refuses_is_buried_alone(feed: Feed) -> None:
    feed.send(feed.call())
    feed.send(feed.call(kind="nonsense"))
    feed.send(feed.call())
    feed.write()
    assert len([row for row in feed.rows() if row.kind == "call"]) == 2
    with access.operator():
        assert (
            "audit_event_kind_check"
            in DeadLetter.objects.filter(shard=feed.organization.shard).latest("pk").reason
        )


def test_odd_text_is_stored_without_what_postgres_refuses(feed: Feed) -> None:
    feed.send(feed.call(model="a\x00b" + "x" * 300, detail={"user_agent": "\x00 ok"}))
    feed.write()
    row = feed.rows()[-1]
    assert row.model == "a\ufffdb" + "x" * 117
    assert row.detail["user_agent"].endswith(" ok")


def test_a_second_writer_waits_outside(feed: Feed) -> None:
    feed.send(feed.call())
    with transaction.atomic(using="operator"), connections["operator"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ledger.LOCK, feed.organization.shard])
        assert ledger.write_shard(client(), feed.organization.shard) == 0
    assert ledger.write_shard(client(), feed.organization.shard) == 1


@pytest.mark.parametrize(
    "where", ["audit.models.OutboxEntry.objects.filter", "audit.ledger.insert", "audit.ledger.Place.save"]
)
def test_position_and_rows_are_committed_together(
    feed: Feed, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ShardPosition.objects.using("operator").get(shard=feed.organization.shard).stream_id
    feed.send(feed.call())

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(where, die)
        with pytest.raises(RuntimeError, match="killed"):
            ledger.write_shard(client(), feed.organization.shard)
    assert ShardPosition.objects.using("operator").get(shard=feed.organization.shard).stream_id == before
    feed.write()
    assert len(feed.rows()) == 2


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET cost_nano = 0", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
@pytest.mark.parametrize("alias", ["default", "ledger", "operator"])
def test_no_role_can_change_the_ledger(alias: str, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"])
@pytest.mark.parametrize("role", [*ROLES, "orbit_login"])
def test_every_role_may_add_to_the_ledger_at_most(role: str, right: str) -> None:
    """Asked of the catalog for each partition too, and for single columns."""
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND relname ~ '^audit_(event|checkpoint)' AND (has_table_privilege(%s, oid, %s) "
            "OR (%s IN ('UPDATE', 'REFERENCES') AND has_any_column_privilege(%s, oid, %s)))",
            [role, right, right, role, right if right in ("UPDATE", "REFERENCES") else "SELECT"],
        )
        assert cursor.fetchall() == []
        cursor.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE relname ~ '^audit_event' "
            "AND rolname = %s",
            [role],
        )
        assert cursor.fetchone() == (0,), "an owner may do everything"


def test_refusals_of_a_minute_are_one_event_with_their_count(feed: Feed) -> None:
    caller = {
        name: feed.call()[name] for name in ("organization_id", "organization", "project_id", "key_id", "key")
    }
    feed.send(
        "\n".join(["1700000000000000", "insufficient_quota", "daily", json.dumps(caller)]),
        kind="refusal",
        n="7",
    )
    feed.write()
    row = feed.rows()[-1]
    assert (row.kind, row.code, row.limit, row.count, row.key) == (
        "refusal",
        "insufficient_quota",
        "daily",
        7,
        "main",
    )
    assert row.detail == {"since": "2023-11-14T22:13:20.000000Z", "until": "2023-11-14T22:14:20.000000Z"}
