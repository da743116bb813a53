"""What cannot be written, or kills who tries, goes to the dead letters; everything else flows on at once."""

from __future__ import annotations

import json
import os
import signal
from multiprocessing import get_context
from typing import Any

import pytest
from django.db import OperationalError, connections

from audit import attempts, dead_letters, ledger, shaping
from audit.models import DeadLetter
from audit.tasks import write_ledger
from orbit.lib import access
from orbit.lib.store import client
from quotas import keys
from tests.audit.conftest import Feed


def letters(feed: Feed) -> list[DeadLetter]:
    with access.operator():
        return list(DeadLetter.objects.filter(about=feed.id).order_by("pk"))


def calls(feed: Feed) -> list[Any]:
    return [row for row in feed.rows() if row.kind == "call"]


def send_bytes(feed: Feed, event: bytes) -> None:
    client().xadd(
        ledger.stream_key(feed.organization.shard), {"e": event, "k": "call", "t": "1700000000000000"}
    )


def test_note_is_kept_under_the_key_that_the_stores_keys_name() -> None:
    assert attempts.key(7) == keys.writing(7)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("v", 2, "newer"),
        ("http_status", 70_000, "http_status"),
        ("duration_ms", 2**31, "duration_ms"),
        ("detail", "text", "detail"),
        ("stream", "yes", "stream"),
        ("admitted_us", 10**20, "OverflowError"),
        ("input_tokens", 2**64, "input_tokens"),
        ("kind", "nonsense", "IntegrityError"),
    ],
)
def test_field_that_no_row_can_hold_is_named(feed: Feed, field: str, value: object, reason: str) -> None:
    feed.send(feed.call(**{field: value}))
    feed.send(feed.call())
    feed.write()
    assert len(calls(feed)) == 1
    (letter,) = letters(feed)
    assert reason in letter.reason


def test_lone_surrogates_and_invalid_utf8_are_kept_to_the_byte(feed: Feed) -> None:
    good = json.dumps(feed.call()).encode()
    poison = [good.replace(b"main", rb"\ud800"), good.replace(b"main", b"\xff\xfe")]
    before = _newest_letter()
    for one in poison:
        send_bytes(feed, one)
    feed.send(feed.call())
    feed.write()
    assert len(calls(feed)) == 1
    with access.operator():
        made = DeadLetter.objects.filter(pk__gt=before, shard=feed.organization.shard).order_by("pk")
        assert [dead_letters.unpacked(one.payload)[b"e"] for one in made] == poison


def test_entry_of_five_megabytes_is_refused_by_its_size(feed: Feed) -> None:
    feed.send(feed.call(detail={"user_agent": "x" * 5_000_000}))
    feed.send(feed.call())
    feed.write()
    assert len(calls(feed)) == 1
    assert "bytes" in letters(feed)[0].reason


def test_nesting_deeper_than_anybody_reads_is_refused(feed: Feed) -> None:
    event = json.dumps(feed.call(detail={"usage": "DEEP"})).replace('"DEEP"', "[" * 900 + "]" * 900)
    feed.send(event)
    feed.send(feed.call())
    feed.write()
    assert len(calls(feed)) == 1
    assert letters(feed)


def test_poison_at_one_in_fifty_leaves_the_others_in_their_order(feed: Feed) -> None:
    sent = []
    for number in range(200):
        event = feed.call(**({"kind": "nonsense"} if number % 50 == 7 else {}))
        feed.send(event)
        if number % 50 != 7:
            sent.append(event["event_id"])
    feed.write()
    assert [str(row.event_id) for row in calls(feed)] == sent
    assert len(letters(feed)) == 4


def test_one_that_the_database_refuses_costs_one_large_try(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    made = ledger._made

    def noted(store: Any, shard: int, entries: int, acts: int) -> int:
        tries.append(entries)
        return made(store, shard, entries, acts)

    monkeypatch.setattr(ledger, "_made", noted)
    monkeypatch.setattr(ledger, "SIZES", ((60, 20), (20, 20), (5, 5)))
    for number in range(60):
        feed.send(feed.call(**({"kind": "nonsense"} if number == 48 else {})))
    assert ledger.write_shard(client(), feed.organization.shard) == 60
    assert (len(calls(feed)), len(letters(feed))) == (59, 1)
    assert [tries.count(size) for size in (60, 20)] == [1, 3]


def test_trail_tells_of_what_is_missing_in_it(feed: Feed) -> None:
    feed.send(feed.call(v=9))
    feed.send(feed.call(v=9))
    feed.write()
    act = feed.rows()[-1]
    assert (act.kind, act.detail["action"]) == ("act", "ledger.gap")
    assert act.detail["after"] == {"entries": 2, "dead_letters": [one.pk for one in letters(feed)]}


def test_poison_that_names_an_unknown_organization_writes_nothing_anywhere(feed: Feed) -> None:
    before = len(feed.rows())
    feed.send(feed.call(v=9, organization_id="00000000-0000-4000-8000-000000000000"))
    feed.write()
    assert len(feed.rows()) == before


def test_act_that_the_database_refuses_does_not_stop_the_stream(feed: Feed) -> None:
    with access.scope(organization_id=feed.id), connections["default"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_outboxentry (organization_id, shard, event) VALUES (%s, %s, %s)",
            [feed.id, feed.organization.shard, json.dumps(feed.call(kind="nonsense"))],
        )
    feed.send(feed.call())
    feed.write()
    assert len(calls(feed)) == 1
    (letter,) = letters(feed)
    assert letter.stream_id.startswith("outbox-")


def test_database_that_is_away_buries_nothing(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.send(feed.call())

    def away(*_: object) -> None:
        raise OperationalError("gone")

    for _ in range(attempts.MOST + 2):
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "insert", away)
            with pytest.raises(OperationalError):
                ledger.write_shard(client(), feed.organization.shard)
    feed.write()
    assert len(calls(feed)) == 1
    assert letters(feed) == []


@pytest.mark.parametrize(("count", "killer", "searching"), [(8, 3, 2), (60, 10, 4)])
def test_entry_that_kills_five_writers_is_buried_and_no_good_one_with_it(
    feed: Feed, count: int, killer: int, searching: int
) -> None:
    sent = [feed.call(key="killer" if number == killer else "main") for number in range(count)]
    for event in sent:
        feed.send(event)
    deaths = 0
    while _write_in_a_process_of_its_own(feed.organization.shard) == -signal.SIGKILL:
        deaths += 1
        assert deaths <= attempts.MOST + searching
    assert deaths == attempts.MOST + searching
    assert [str(row.event_id) for row in calls(feed)] == [
        one["event_id"] for one in sent if one["key"] != "killer"
    ]
    (letter,) = letters(feed)
    assert "died over it" in letter.reason
    assert client().exists(attempts.key(feed.organization.shard)) == 0


def test_one_kill_over_a_large_batch_is_no_reason_to_write_it_one_by_one(feed: Feed) -> None:
    for _ in range(300):
        feed.send(feed.call())
    store, shard = client(), feed.organization.shard
    ids: Any = [one.decode() for one, _ in store.xrange(ledger.stream_key(shard))]  # type: ignore[union-attr]
    position = ledger.positions()[shard]
    waiting = [one for one in ids if attempts.id_of(one) > attempts.id_of(position)]
    attempts.begin(store, shard, position, waiting, None)  # and it was killed
    batches = 0
    while ledger.write_shard(store, shard):
        batches += 1
    assert len(calls(feed)) == 300
    assert 1 < batches < 12
    assert letters(feed) == []
    assert store.exists(attempts.key(shard)) == 0


def test_shard_that_fails_does_not_hold_up_the_others(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.send(feed.call())
    write, mine = ledger.write_shard, feed.organization.shard
    others = [shard for shard in range(64) if shard != mine]

    def some_fail(store: Any, shard: int) -> int:
        if shard != mine:
            raise RuntimeError("broken")
        return write(store, shard)

    monkeypatch.setattr(ledger, "write_shard", some_fail)
    monkeypatch.setattr("audit.tasks.waiting_shards", _once([*others, mine]))
    write_ledger()
    assert len(calls(feed)) == 1


def test_flood_on_one_shard_leaves_every_round_to_the_others(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[int] = []

    def write(_: Any, shard: int) -> int:
        served.append(shard)
        return ledger.BATCH

    monkeypatch.setattr(ledger, "write_shard", write)
    monkeypatch.setattr("audit.tasks.waiting_shards", _once([1, 2], [1, 2, 3], [1]))
    write_ledger()
    assert served == [1, 2, 1, 2, 3, 1]


def _once(*rounds: list[int]) -> Any:
    left = list(rounds)
    return lambda: left.pop(0) if left else []


def _newest_letter() -> int:
    with access.operator():
        newest = DeadLetter.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def _write_in_a_process_of_its_own(shard: int) -> int:
    """Writes all that waits; its exit code."""
    process = get_context("fork").Process(target=_write_or_die, args=(shard,))
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    process.start()
    process.join(30)
    assert process.exitcode is not None
    return process.exitcode


def _write_or_die(shard: int) -> None:
    shape = shaping.of_fields

    def deadly(fields: dict[bytes, bytes], day: Any = None) -> Any:
        row = shape(fields, day)
        if row["key"] == "killer":
            os.kill(os.getpid(), signal.SIGKILL)
        return row

    shaping.of_fields = deadly
    while ledger.write_shard(client(), shard):
        pass
    os._exit(0)
