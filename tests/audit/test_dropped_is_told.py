"""Whoever reads a range that retention has taken from is told so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command

from audit import chain, retention
from audit.retention import Leaf
from orbit.lib.clock import rfc3339, to_us
from tenants.services import create_organization
from tests.audit.conftest import Feed
from tests.audit.test_retention import months_ago
from tests.management import client_of

BOTH = ("ledger.read", "calls.read")
LEAF = Leaf(retention.month_of(months_ago(5)), 30)


@pytest.fixture
def call_id(feed: Feed) -> str:
    """Of a call whose month was dropped; another one is left."""
    call = feed.call(admitted_us=to_us(LEAF.since), retention=30)
    feed.send(call)
    feed.send(feed.call())
    feed.write()
    retention.drop(LEAF)
    feed.write()
    return str(call["event_id"])


def ask(feed: Feed, path: str, **query: str) -> Any:
    return client_of(feed.id, BOTH).get(f"/api/v1/organizations/{feed.organization.slug}/{path}", query)


@pytest.mark.parametrize("path", ["events", "calls"])
def test_lists_say_what_the_range_has_lost(feed: Feed, call_id: str, path: str) -> None:
    (gone,) = ask(feed, path).json()["dropped"]
    assert (gone["month"], gone["retention_days"], gone["events"]) == (f"{LEAF.month}", 30, 1)
    assert (gone["first_seq"], gone["last_seq"]) == (2, 2)
    assert "dropped" in ask(feed, path, until=f"{LEAF.month:%Y-%m}-02T00:00:00Z").json()
    assert "dropped" not in ask(feed, path, since=f"{LEAF.until:%Y-%m-%d}T00:00:00Z").json()
    assert "dropped" not in ask(feed, path, until=f"{LEAF.month:%Y}-01-01T00:00:00Z").json()


def test_dropped_call_is_answered_as_such(feed: Feed, call_id: str) -> None:
    answer = ask(feed, f"calls/{call_id}")
    assert answer.status_code == 404
    assert "dropped when its retention was over" in answer.content.decode()


def test_another_organizations_dropped_call_is_just_not_there(feed: Feed, call_id: str) -> None:
    other = Feed(create_organization(slug=f"{feed.organization.slug}-b", actor="test"))
    answer = ask(other, f"calls/{call_id}")
    assert answer.status_code == 404
    assert "retention" not in answer.content.decode()
    assert "dropped" not in ask(other, "events").json()


def test_export_tells_and_gives_skeletons_for_the_asking(
    feed: Feed, call_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ledger", "export", "--organization", feed.organization.slug)
    told = capsys.readouterr()
    assert "seq 2 to 2" in told.err
    assert call_id not in told.out
    call_command("ledger", "export", "--organization", feed.organization.slug, "--skeletons")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    before = chain.START
    for line in lines:
        assert line["prev_hash"] == before
        before = line["hash"]
    assert [line["event_id"] for line in lines if line.get("dropped")] == [call_id]


def test_partitions_are_listed_with_what_becomes_of_them(
    feed: Feed, capsys: pytest.CaptureFixture[str]
) -> None:
    feed.send(feed.call(retention=90))
    feed.write()
    call_command("ledger", "partitions", "--json")
    found = {one["table"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    leaf = Leaf(retention.month_of(datetime.now(UTC)), 90)
    assert found[leaf.table]["drops_at"] == rfc3339(leaf.until + timedelta(days=90))
    assert found[Leaf(leaf.month, 0).table]["drops_at"] is None
    call_command("ledger", "partitions")
    assert "never" in capsys.readouterr().out
