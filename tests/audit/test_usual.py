"""The short way of usual calls leads to the very hash and line of the general way, or is not taken."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from audit import chain, events, lines, retention, shaping, usual
from audit.events import COLUMNS
from bench.ledger import event
from orbit.lib.clock import from_us, rfc3339, to_us
from tests.audit.test_chain import slowly

NOW = datetime(2026, 12, 1, 3, 4, 5, 60, tzinfo=UTC)
PREV = "ab" * 32
DAY = usual.Day(400, to_us(datetime(2020, 1, 1, tzinfo=UTC)), to_us(datetime(2027, 1, 1, tzinfo=UTC)))
ABSENT = object()
ODD: tuple[Any, ...] = (
    None, ABSENT, True, False, 0, 1, -1, 2, 30, 200, 2**15, 2**31, 2**31 - 1, 2**63 - 1, 2**63, 0.0, 1.0, 30.0, 200.0, 1e300, "",
    "x", "é€😀\u2028\x7f", "\t", "\\", '"', "\x00", "x" * 63, "x" * 64, "x" * 257, "call", "act", "lease_expired",
    "00000000-0000-7000-8000-00000000000A", "{00000000-0000-7000-8000-000000000001}", [], {}, ["x"], {"a": None}, {"a": 1.5},
    {"a": {"b": [1, {"c": None}]}}, {"hash": "x"}, {"limit": "x", "seq": 1, "retention": 2}, {"a": [{}] * 300}, {"é": 2**64 - 1},
    1764558000123456, 10**20, -(10**15), "2026-11-30T00:00:00Z",
)  # fmt: skip
FIELDS = (*COLUMNS, "admitted_us", "retention", "plain", "unknown")


def generally(written: bytes, settled_us: int) -> tuple[str, str]:
    """The hash and the line; ValueError and the like for what no row can be made of."""
    sent = orjson.loads(written)
    row = events.checked(events.row(sent, settled_us=settled_us, simple=b"\\" not in written))
    days = sent.get("retention")
    row["retention"] = DAY.retention if days not in retention.CLASSES or isinstance(days, bool) else int(days)
    row.update(seq=5, shard=7, shard_seq=9, recorded_at=NOW, prev_hash=PREV, hash=None)
    told = events.exported(row)
    canonical = chain.canonical(told, plain=events.PLAIN in row)
    assert canonical == slowly(told)
    row["hash"] = chain.hash_of(canonical)
    return row["hash"], lines.line(row, told, canonical)


def shortly(written: bytes, settled_us: int) -> tuple[str, str] | None:
    row = usual.row(orjson.loads(written), settled_us, DAY) if b"\\" not in written else None
    return None if row is None else usual.Batch(7, rfc3339(NOW)).linked(row, 5, 9, PREV)


def call(number: int, **more: Any) -> dict[str, Any]:
    sent = {**event(number), "admitted_us": to_us(NOW) + number, **more}
    return {name: value for name, value in sent.items() if value is not ABSENT}


def compared(sent: dict[str, Any], settled_us: int = to_us(NOW) + 7) -> bool:
    """Whether the short way was taken."""
    written = json.dumps(sent, ensure_ascii=False).encode()
    found = shortly(written, settled_us)
    if found is not None:
        assert found == generally(written, settled_us)
    return found is not None


def test_usual_calls_take_it() -> None:
    assert all(compared(call(number)) for number in range(100))


def test_calls_as_workers_send_them_with_nulls_take_it() -> None:
    absent = dict.fromkeys(("code", "end_user", "cost_nano", "price_version", "first_token_ms", "account"))
    assert compared(call(1, **absent, retention=90, cache_write_tokens=0))
    assert compared(call(2, code="provider_error", status="provider_failed", http_status=None, stream=None))


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_may_be_odd(name: str) -> None:
    for number, value in enumerate(ODD):
        assert compared(call(number))  # what is kept of it must not be taken for the next
        compared(call(number, **{name: value}))
        assert compared(call(number))


def test_several_may_be_odd_at_once() -> None:
    chance = random.Random(43)
    taken = 0
    for number in range(5_000):
        some = chance.sample(FIELDS, chance.randrange(1, 4))
        taken += compared(call(number, **{name: chance.choice(ODD) for name in some}))
    assert taken > 500


@pytest.mark.parametrize(("first", "then"), [(1, True), (True, 1), (200, 200.0), (1, 1.0)])
def test_what_equals_is_not_taken_for_the_same(first: Any, then: Any) -> None:
    for name in ("v", "stream", "http_status", "retention", "input_tokens"):
        compared(call(1, **{name: first}))
        compared(call(1, **{name: then}))


def test_moments_that_have_no_month_go_the_general_way() -> None:
    for us in (DAY.since_us, DAY.until_us - 1):
        assert compared(call(1, admitted_us=us), us)
    for us in (DAY.since_us - 1, DAY.until_us, -1, 0, 10**18):
        assert not compared(call(1, admitted_us=us))
        assert not compared(call(1), us)


def test_today_keeps_what_a_month_is_made_for() -> None:
    day = usual.Day.today()
    for us, inside in (
        (day.since_us, True),
        (day.since_us - 1, False),
        (day.until_us - 1, True),
        (day.until_us, False),
    ):
        assert retention.has_month(from_us(us)) is inside
    assert day.retention == retention.default()


def test_stream_takes_both_ways_to_the_same_rows() -> None:
    texts = [orjson.dumps(event(number)) for number in range(3)]
    for written in texts:
        fields = {b"e": written, b"k": b"call", b"t": b"%d" % to_us(datetime.now(UTC))}
        short, general = shaping.of_fields(fields, usual.Day.today()), shaping.of_fields(fields)
        assert type(short[events.PLAIN]) is tuple
        assert {name: short[name] for name in COLUMNS if name != "settled_at"} == {
            name: general[name] for name in COLUMNS if name != "settled_at"
        }
        assert short["settled_at"] == rfc3339(general["settled_at"])


def test_hash_in_the_long_tail_does_not_break_the_chain() -> None:
    written = orjson.dumps(call(1, detail={"hash": "told", "key_hint": "x"}))
    assert shortly(written, to_us(NOW)) is None
    generally(written, to_us(NOW))


def test_pairs_are_no_object_on_either_way() -> None:
    written = orjson.dumps(list(call(1).items()))
    assert shortly(written, to_us(NOW)) is None
    fields = {b"e": written, b"k": b"call", b"t": b"%d" % to_us(datetime.now(UTC))}
    with pytest.raises(shaping.UNFIT):
        shaping.of_fields(fields, usual.Day.today())


def test_of_large_entries_nothing_is_kept() -> None:
    before = usual._shared_what.cache_info()
    for number in range(3):
        written = orjson.dumps({**event(number), "finish_reason": f"{number}" + "x" * usual.LARGEST})
        row = shaping.of_fields(
            {b"e": written, b"k": b"call", b"t": b"%d" % to_us(datetime.now(UTC))}, usual.Day.today()
        )
        assert type(row[events.PLAIN]) is not tuple
    assert usual._shared_what.cache_info() == before
