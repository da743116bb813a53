"""Where a new sink begins, what it misses, and what it keeps from being dropped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from audit.sinks import book, lag, reading
from orbit.lib import access
from tests.audit.sinks.conftest import Feeds
from tests.audit.sinks.harness import configs_of, eventually, pumping
from tests.audit.sinks.harnesses import LinesHarness
from tests.audit.sinks.test_conformance import arrived, calls_of, caught_up, check, lag_of


@pytest.fixture
def lines(tmp_path: Path) -> LinesHarness:
    made = LinesHarness(tmp_path)
    made.up()
    return made


@contextmanager
def as_owner() -> Iterator[psycopg.Connection]:
    """Who may do to the ledger what no role of ours can. Superuser, as row-level security binds the owner too."""
    path = os.environ["DATABASE_OWNER_URL"]
    with psycopg.connect(path, autocommit=True) as connection:
        yield connection


@contextmanager
def aged(feeds: Feeds, days: int) -> Iterator[None]:
    """All that the shards of these organizations hold now is, for a while, recorded so long ago.

    Of other tests too: times and numbers of a shard rise together. Afterwards it is as it was, or their chains would break.
    """
    held = {one.organization.shard: 0 for one in feeds.feeds}
    with as_owner() as connection:
        for shard in held:
            found = connection.execute("SELECT max(shard_seq) FROM audit_event WHERE shard = %s", [shard])
            held[shard] = found.fetchone()[0] or 0  # type: ignore[index]

    def shift(by: int) -> None:
        with as_owner() as connection:
            for shard, last in held.items():
                connection.execute(
                    "UPDATE audit_event SET recorded_at = recorded_at + make_interval(days => %s) "
                    "WHERE shard = %s AND shard_seq <= %s",
                    [by, shard, last],
                )

    shift(-days)
    try:
        yield
    finally:
        shift(days)


def test_from_the_beginning_and_from_now(lines: LinesHarness, feeds: Feeds) -> None:
    feeds.send(30)
    entry = lines.entry(organizations=feeds.slugs, **{"from": "beginning"})
    with pumping((lines, entry)):
        eventually(arrived(lines, feeds), "the old ones arrived")
    check(lines, feeds)
    late = lines.entry(organizations=feeds.slugs, **{"from": "now"}) | {"path": str(lines.folder / "late")}
    with pumping((lines, late)):
        eventually(caught_up(late["name"]), "it is there")
    assert not (lines.folder / "late").exists()


def test_from_a_date_brings_all_since_then_and_nothing_much_older(lines: LinesHarness, feeds: Feeds) -> None:
    old = feeds.send(30)
    with aged(feeds, 10):
        feeds.sent.clear()
        feeds.send(30)
        start = (datetime.now(UTC) - timedelta(days=5)).isoformat()
        with pumping((lines, entry := lines.entry(organizations=feeds.slugs, **{"from": start}))):
            eventually(caught_up(entry["name"]), "it is there")
    check(lines, feeds)
    assert {event["event_id"] for event in calls_of(lines)} & {event["event_id"] for event in old} == set()


def test_a_date_before_everything_and_one_after_everything(feeds: Feeds) -> None:
    feeds.send(6)
    with access.operator():
        first, last = reading.beginning("beginning"), reading.beginning("now")
        ancient = reading.beginning(datetime(2000, 1, 1, tzinfo=UTC))
        distant = reading.beginning(datetime(2999, 1, 1, tzinfo=UTC))
    for shard in {one.organization.shard for one in feeds.feeds}:
        assert ancient[shard] == first[shard] < last[shard] == distant[shard]


def test_what_was_dropped_is_counted_and_the_rest_arrives(lines: LinesHarness, feeds: Feeds) -> None:
    entry = lines.entry(organizations=feeds.slugs)
    with pumping((lines, entry)):
        feeds.send(6)
        eventually(caught_up(entry["name"]), "the first ones arrived")
    first, gone, last = feeds.send(12), feeds.send(12), feeds.send(12)
    book.keep(configs_of(entry), actor="test")
    with as_owner() as connection:
        ids = [event["event_id"] for event in gone]
        assert (
            connection.execute("DELETE FROM audit_event WHERE event_id = ANY(%s::uuid[])", [ids]).rowcount
            == 12
        )
    with pumping((lines, entry)):
        eventually(caught_up(entry["name"]), "it went on")
    check(lines, feeds, without=frozenset(event["event_id"] for event in gone))
    assert {event["event_id"] for event in first + last} <= {event["event_id"] for event in calls_of(lines)}
    assert lag_of(entry["name"]).missing == 12


def test_what_is_dropped_at_the_end_does_not_hold_it_up(lines: LinesHarness, feeds: Feeds) -> None:
    entry = lines.entry(organizations=feeds.slugs)
    book.keep(configs_of(entry), actor="test")
    gone = feeds.send(9)
    with as_owner() as connection:
        connection.execute(
            "DELETE FROM audit_event WHERE event_id = ANY(%s::uuid[])",
            [[event["event_id"] for event in gone]],
        )
    with pumping((lines, entry)):
        eventually(caught_up(entry["name"]), "it went on")
    assert lag_of(entry["name"]).missing == 9


def test_what_is_still_to_be_sent_is_known_to_who_drops_partitions(lines: LinesHarness, feeds: Feeds) -> None:
    now = datetime.now(UTC)
    around, before = (now, now + timedelta(minutes=10)), (now - timedelta(milliseconds=1), now)
    entry = lines.entry(organizations=feeds.slugs)
    assert lag.oldest_unsent() is None
    assert not lag.has_unsent(*around)
    ids = book.keep(configs_of(entry), actor="test")
    assert not lag.has_unsent(*around)
    feeds.send(6)
    oldest = lag.oldest_unsent()
    assert oldest is not None
    assert abs(time.time() - oldest.timestamp()) < 60
    assert lag.has_unsent(*around)
    assert not lag.has_unsent(*before)
    with access.operator():
        shard = feeds.feeds[0].organization.shard
        assert lag.floors()[shard] < reading.positions()[shard]
    book.keep(configs_of({**entry, "paused": True}), actor="test")
    assert lag.has_unsent(*around)
    book.keep([], actor="test")
    assert not lag.has_unsent(*around)
    assert lag.oldest_unsent() is None
    assert book.keep(configs_of(entry), actor="test") == ids
    with pumping((lines, entry)):
        eventually(caught_up(entry["name"]), "it is there")
    assert not lag.has_unsent(*around)
