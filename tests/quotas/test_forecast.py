"""Which limit would refuse a request, and when there would be room again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orbit.lib.clock import to_us
from quotas.counters import Counter
from quotas.forecast import obstacle, reported
from quotas.limits import FOREVER, SMOOTH_US, Amounts, Calendar, Limit, Raised, window_at
from quotas.status import Reading

NOW = to_us(datetime(2026, 11, 23, 12, tzinfo=UTC))
MINUTE = 60_000_000


def reading(
    used: int = 0,
    held: int = 0,
    at: int = NOW,
    *,
    meter: str = "tokens",
    per: str | None = "day",
    **fields: Any,
) -> Reading:
    usual = {"name": "one", "level": "key", "object_id": "k1", "object_name": "a/b", "limit": 100}
    fields = {**usual, **fields}
    limit = Limit(meter=meter, per=per, **{"burst": fields["limit"], **fields})
    window = window_at(per, Calendar(), NOW) if per is not None and per not in SMOOTH_US else None
    return Reading(limit, window, Counter(used, held, 1 if held else 0, at), NOW)


def need(tokens: int, cost: int = 0) -> Amounts:
    return Amounts(input_tokens=tokens, cost_nano=cost)


def test_room_on_every_limit_is_no_obstacle() -> None:
    assert obstacle([], need(5)) is None
    assert obstacle([reading(90), reading(meter="requests", limit=1)], need(10)) is None


def test_first_limit_without_room_refuses() -> None:
    free, full, fuller = reading(name="free"), reading(95, name="full"), reading(100, name="fuller")
    found = obstacle([free, full, fuller], need(10))
    assert found is not None
    assert (found.reading.limit.name, found.need, found.never) == ("full", 10, False)
    assert found.room_at_us == to_us(datetime(2026, 11, 24, tzinfo=UTC))


def test_request_larger_than_a_whole_limit_comes_before_a_full_one() -> None:
    found = obstacle([reading(100, name="full"), reading(name="small", limit=5)], need(10))
    assert found is not None
    assert (found.reading.limit.name, found.never, found.room_at_us) == ("small", True, None)


def test_request_larger_than_a_burst_never_fits() -> None:
    found = obstacle([reading(per="minute", limit=600, burst=50)], need(51))
    assert found is not None
    assert found.never


def test_shadow_limit_reports_and_never_refuses() -> None:
    small, full = reading(limit=5, shadow=True), reading(95, shadow=True)
    assert obstacle([small, full], need(10)) is None
    assert [one.never for one in reported([small, full, reading(), reading(100)], need(10))] == [True, False]


def test_increase_makes_room_while_it_holds() -> None:
    assert obstacle([reading(95, raised=Raised(200, 200, NOW + 1))], need(105)) is None
    ended = obstacle([reading(95, raised=Raised(200, 200, NOW))], need(10))
    assert ended is not None
    assert not ended.never


def test_what_only_running_calls_hold_is_told_apart() -> None:
    held, spent = obstacle([reading(50, 45)], need(10)), obstacle([reading(95, 2)], need(10))
    assert held is not None
    assert spent is not None
    assert (held.only_held, spent.only_held) == (True, False)


def test_clock_does_not_say_when_a_call_ends_or_a_total_is_raised() -> None:
    for one in (reading(held=1, meter="concurrency", per=None, limit=1), reading(100, per="total")):
        found = obstacle([one], need(10))
        assert found is not None
        assert found.room_at_us is None


def test_total_window_is_forever() -> None:
    assert reading(per="total").window == FOREVER


smooth = st.builds(
    lambda used, held, elapsed, limit, burst: reading(
        used, held, NOW - elapsed, meter="requests", per="minute", limit=limit, burst=burst
    ),
    st.integers(0, 12 * MINUTE),
    st.integers(0, 5),
    st.integers(0, 3_000_000),
    st.integers(1, 200),
    st.integers(1, 12),
)


def test_smooth_limit_that_running_calls_fill_has_room_when_they_end() -> None:
    found = obstacle([reading(0, 95, per="minute")], need(10))
    assert found is not None
    assert (found.only_held, found.room_at_us) == (True, None)


@given(smooth)
def test_spent_part_of_a_smooth_limit_is_out_of_the_way_at_the_moment_told(one: Reading) -> None:
    """And not a microsecond before; what running calls hold is not for the clock."""
    found = obstacle([one], need(0))
    if found is None or found.room_at_us is None:
        assert found is None or found.only_held or found.never
        return
    then, before = (
        Reading(one.limit, None, one.counter._replace(held=0), at)
        for at in (found.room_at_us, found.room_at_us - 1)
    )
    assert obstacle([then], need(0)) is None
    assert obstacle([before], need(0)) is not None
    assert found.room_at_us > NOW
