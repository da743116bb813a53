"""From a counter to the figures that pages, commands and keys are shown."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit.lib.clock import to_us
from orbit.lib.store import client
from quotas import keys
from quotas.counters import Counter
from quotas.limits import ANY_USER, FOREVER, Calendar, Limit, Raised, Window, window_at
from quotas.status import Reading, readings, standing

NOW = to_us(datetime(2026, 11, 23, 12, tzinfo=UTC))
MINUTE = 60_000_000
DAY = window_at("day", Calendar(), NOW)


def limit(per: str | None = "day", meter: str = "tokens", **fields: Any) -> Limit:
    usual = {"name": "one", "level": "key", "object_id": "k1", "object_name": "a/b", "limit": 600}
    fields = {**usual, **fields}
    return Limit(meter=meter, per=per, **{"burst": fields["limit"], **fields})


def read(one: Limit, counter: Counter, window: Window | None = None) -> Reading:
    return Reading(one, window, counter, NOW)


def test_counter_keeps_what_was_packed() -> None:
    counter = Counter(used=2**53 - 1, held=7, calls=3, at=NOW)
    assert Counter.unpack(counter.pack()) == counter


def test_calendar_limit() -> None:
    status = read(limit(), Counter(used=100, held=50, calls=2), DAY).status()
    assert (status.spent, status.held, status.free, status.held_calls) == (100, 50, 450, 2)
    assert (status.window_start, status.window_end) == (
        datetime(2026, 11, 23, tzinfo=UTC),
        datetime(2026, 11, 24, tzinfo=UTC),
    )


def test_what_is_overspent_is_not_free() -> None:
    assert read(limit(), Counter(used=700, held=50, calls=1), DAY).free == 0


def test_total_has_no_end() -> None:
    status = read(limit("total"), Counter(used=100), FOREVER).status()
    assert (status.window_start, status.window_end, status.as_json()["window"]) == (None, None, None)


def test_concurrency_has_no_window_and_spends_nothing() -> None:
    status = read(limit(None, "concurrency", limit=20), Counter(held=3, calls=3)).status()
    assert (status.spent, status.held, status.free, status.as_json()["window"]) == (0, 3, 17, None)


def test_smooth_limit_drains_by_its_rate_up_to_now() -> None:
    """600 a minute are ten a second: of 100 put in three seconds ago 70 are left."""
    bucket = Counter(used=100 * MINUTE, held=20, calls=1, at=NOW - 3_000_000)
    status = read(limit("minute", burst=200), bucket).status()
    assert (status.spent, status.held, status.free, status.limit, status.burst) == (70, 20, 110, 600, 200)


def test_smooth_limit_is_never_negative_and_knows_no_earlier_clock() -> None:
    assert read(limit("minute"), Counter(used=MINUTE, at=NOW - 3_600_000_000)).spent == 0
    assert read(limit("minute"), Counter(used=5 * MINUTE, at=NOW + 1_000_000)).spent == 5


@given(st.integers(0, 10 * MINUTE), st.integers(0, 10), st.integers(0, 2_000_000), st.integers(1, 12))
def test_need_fits_when_it_is_free(used: int, held: int, elapsed: int, need: int) -> None:
    """The figure shown and the script's own test never disagree."""
    one = limit("minute", "requests", limit=60, burst=10)
    reading = read(one, Counter(used=used, held=held, at=NOW - elapsed))
    level = max(0, used - elapsed * 60)
    script_refuses = level + (held + need) * MINUTE - 10 * MINUTE > 0
    assert (need > reading.free) == script_refuses


def test_increase_is_the_limit_while_it_holds() -> None:
    raised = limit(raised=Raised(1_000, 1_000, NOW + 1))
    status = read(raised, Counter(used=700), DAY).status()
    assert (status.limit, status.free, status.is_raised) == (1_000, 300, True)
    assert status.as_json()["temporary"] == {"limit": 1_000, "until": "2026-11-23T12:00:00.000001Z"}


def test_increase_that_has_ended_is_known_and_not_in_force() -> None:
    status = read(limit(raised=Raised(1_000, 1_000, NOW)), Counter(used=700), DAY).status()
    assert (status.limit, status.free, status.is_raised) == (600, 0, False)
    assert status.raised is not None
    assert status.as_json()["temporary"] is None


def test_increase_of_a_rate_drains_and_bursts_faster() -> None:
    raised = limit("minute", burst=200, raised=Raised(1_200, 400, NOW + 1))
    status = read(raised, Counter(used=100 * MINUTE, at=NOW - 3_000_000)).status()
    assert (status.limit, status.burst, status.spent, status.free) == (1_200, 400, 40, 360)


def test_json_has_every_figure_of_the_contract() -> None:
    one = limit(shadow=True, models=("fast",))
    assert read(one, Counter(used=1, held=2, calls=3), DAY).status().as_json() == {
        "name": "one",
        "level": "key",
        "object": "a/b",
        "meter": "tokens",
        "per": "day",
        "models": ["fast"],
        "shadow": True,
        "window": {"start": "2026-11-23T00:00:00.000000Z", "end": "2026-11-24T00:00:00.000000Z"},
        "limit": 600,
        "burst": None,
        "temporary": None,
        "spent": 1,
        "held": 2,
        "free": 597,
        "held_calls": 3,
    }


def test_limit_on_each_end_user_has_no_figures_until_one_is_named() -> None:
    template = limit(level="end_user", user=ANY_USER, object_name="(each end user)")
    shown = read(template, Counter(), DAY).status().as_json()
    assert (shown["limit"], shown["object"]) == (600, "(each end user)")
    assert {shown[name] for name in ("spent", "held", "free", "held_calls")} == {None}
    named = read(template.for_user("ada"), Counter(used=5), DAY).status().as_json()
    assert (named["object"], named["spent"], named["free"]) == ("ada", 5, 595)


@pytest.fixture
def shard() -> Iterator[int]:
    yield (made := secrets.randbelow(2**40) + 1_000)
    for key in client().scan_iter(keys.patterns(made)[0]):
        client().delete(key)


def put(shard: int, one: Limit, counter: Counter, window: Window | None = None) -> None:
    client().set(keys.counter(shard, one.counter, window.start if window else None), counter.pack())


def test_counters_are_read_together(shard: int) -> None:
    now = time.time_ns() // 1000
    day = window_at("day", Calendar("Asia/Kolkata"), now)
    daily, inflight, rate = limit(), limit(None, "concurrency", limit=20), limit("minute", "requests")
    trial, user = replace(daily, shadow=True), replace(daily, level="end_user", user=ANY_USER)
    put(shard, daily, Counter(used=100, held=10, calls=1), day)
    put(shard, trial, Counter(used=90), day)
    put(shard, inflight, Counter(held=2, calls=2))
    put(shard, user.for_user("ada"), Counter(used=3), day)
    chain = [daily, trial, inflight, rate, user, user.for_user("ada")]
    found = standing(shard, str(uuid4()), chain, Calendar("Asia/Kolkata"))
    assert [(one.spent, one.held, one.held_calls, one.shadow, one.counted) for one in found] == [
        (100, 10, 1, False, True),
        (90, 0, 0, True, True),
        (0, 2, 2, False, True),
        (0, 0, 0, False, True),
        (0, 0, 0, False, False),
        (3, 0, 0, False, True),
    ]


def test_no_limits_ask_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("quotas.status.client")
    assert readings(0, str(uuid4()), (), Calendar()) == []
