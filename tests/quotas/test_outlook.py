from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from quotas.outlook import month_end

TODAY = date(2026, 11, 18)  # a Wednesday
WEEK = (100, 100, 100, 100, 100, 10, 10)


def days(count: int) -> dict[date, int]:
    return {day: WEEK[day.weekday()] for day in (TODAY - timedelta(days=at) for at in range(1, count + 1))}


def test_days_that_are_left_cost_what_their_weekday_does() -> None:
    found = month_end(days(60) | {TODAY: 40}, TODAY, 0.5)
    spent = sum(WEEK[date(2026, 11, day).weekday()] for day in range(1, 18)) + 40
    left = sum(WEEK[date(2026, 11, day).weekday()] for day in range(19, 31)) + 50
    assert (found.spent, found.expected) == (spent, spent + left)
    assert (found.low, found.high) == (found.expected, found.expected)  # days never differed
    assert found.ends_on == date(2026, 11, 30)


@pytest.mark.parametrize("known", [0, 1, 13])
def test_too_little_history_is_said_with_the_day_when_there_is_enough(known: int) -> None:
    found = month_end(days(known) | {TODAY: 5}, TODAY, 0.5)
    assert (found.expected, found.low, found.high) == (None, None, None)
    assert (found.days_known, found.enough_on) == (known, TODAY + timedelta(days=14 - known))


def test_nothing_used_promises_no_day() -> None:
    found = month_end({}, TODAY, 0.5)
    assert (found.spent, found.expected, found.enough_on) == (0, None, None)


def test_fourteen_days_are_enough_and_a_day_without_a_call_counts() -> None:
    assert month_end(days(14), TODAY, 0).expected is not None
    idle = {day: cost for day, cost in days(28).items() if day.weekday() != 0}
    full, without = month_end(days(28), TODAY, 0), month_end(idle, TODAY, 0)
    assert full.expected is not None
    assert without.expected is not None
    assert without.expected < full.expected


def test_band_holds_about_eight_of_ten_months() -> None:
    seeded = random.Random(9)
    inside = 0
    for _ in range(400):
        first = TODAY - timedelta(days=28)
        costs = {
            first + timedelta(days=at): max(
                0, round(seeded.gauss(WEEK[(first + timedelta(days=at)).weekday()], 20))
            )
            for at in range(28 + 13)
        }
        found = month_end({day: cost for day, cost in costs.items() if day < TODAY}, TODAY, 0)
        real = sum(cost for day, cost in costs.items() if day.month == 11)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= real <= found.high
    assert 300 <= inside <= 345


def test_band_never_ends_below_what_is_spent() -> None:
    wild = {day: cost * (at % 2) * 50 for at, (day, cost) in enumerate(days(28).items())}
    found = month_end(wild, TODAY, 0.9)
    assert found.low is not None
    assert found.low >= found.spent
