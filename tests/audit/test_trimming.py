"""What the ledger has leaves the stream after a while, counted from when the ledger had it."""

from __future__ import annotations

from typing import Any

import pytest

from audit import backlog, ledger, tasks, trimming
from audit.streams import stream_key, trimmed_key
from orbit.lib.store import client
from tests.audit.conftest import Feed

OLD = 200  # entries: more than the two nodes that an approximate trim may leave


@pytest.fixture
def old(feed: Feed) -> Feed:
    """Two hours of a stream that nobody wrote, as after an outage."""
    store: Any = client()
    store.delete(stream_key(feed.organization.shard), trimmed_key(feed.organization.shard))
    now_ms = int(store.time()[0]) * 1000
    after = int(ledger.positions()[feed.organization.shard].split("-")[0]) + 1
    for number in range(OLD):
        stream_id = f"{max(after, now_ms - 7_200_000)}-{number + 1}"
        store.xadd(stream_key(feed.organization.shard), {"k": "mark", "e": "x" * 100}, id=stream_id)
    return feed


def length(feed: Feed) -> int:
    store: Any = client()
    return int(store.xlen(stream_key(feed.organization.shard)))


def age_notes(feed: Feed, seconds: int) -> None:
    """As if what was noted had been noted so long ago."""
    store: Any = client()
    key = trimmed_key(feed.organization.shard)
    for index, note in enumerate(store.lrange(key, 0, -1)):
        stream_id, at = note.split()
        store.lset(key, index, f"{stream_id.decode()} {int(at) - seconds * 1000}")


def test_old_entries_that_were_only_just_written_stay_for_who_read_before(old: Feed) -> None:
    old.write()
    old.send(old.call())
    old.write()
    assert length(old) == OLD + 1


def test_what_was_written_ten_minutes_ago_goes(old: Feed) -> None:
    old.write()
    age_notes(old, 599)
    old.send(old.call())
    old.write()
    assert length(old) == OLD + 1
    age_notes(old, 2)
    old.send(old.call())
    old.write()
    assert length(old) <= 102


def test_full_store_is_made_room_in_though_nothing_comes_any_more(
    old: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.write()
    age_notes(old, 31)
    tasks.write_ledger()
    assert length(old) == OLD
    monkeypatch.setattr(backlog, "pressed", lambda: True)
    tasks.write_ledger()
    assert length(old) <= 101


def test_what_nobody_wrote_is_never_cut(old: Feed) -> None:
    position = ledger.positions()[old.organization.shard]
    for _ in range(3):
        trimming.trim(client(), old.organization.shard, position)
        age_notes(old, 3600)
    assert length(old) == OLD
