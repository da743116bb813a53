"""What a month, or another period, will have cost at its end, from the days of the last four weeks: pure.

Each day that is left counts with the mean of its weekday, what is left of today in proportion. The band is where eight of ten
months would end if days went on to differ from their weekday's mean as they did.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

HISTORY_DAYS, LEAST_DAYS = 28, 14
_EIGHT_OF_TEN = 1.2816  # standard deviations either way


@dataclass(frozen=True, slots=True)
class Outlook:
    """Costs in nano-units. Without enough history only what is spent, and on which day there will be."""

    spent: int
    ends_on: date
    days_known: int
    expected: int | None = None
    low: int | None = None
    high: int | None = None
    enough_on: date | None = None


def month_end(costs: Mapping[date, int], today: date, elapsed: float) -> Outlook:
    """Of the calendar month; see `period_end`."""
    begins_on = today.replace(day=1)
    ends_on = (begins_on + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return period_end(costs, today, elapsed, begins_on=begins_on, ends_on=ends_on)


def period_end(
    costs: Mapping[date, int], today: date, elapsed: float, *, begins_on: date, ends_on: date
) -> Outlook:
    """`costs` by calendar day, absent for nothing; `elapsed` is the part of today that is over."""
    spent = sum(cost for day, cost in costs.items() if begins_on <= day <= today)
    days = _history(costs, today)
    if len(days) < LEAST_DAYS:
        wait = LEAST_DAYS - len(days) if days or costs.get(today) else None
        enough_on = today + timedelta(days=wait) if wait is not None else None
        return Outlook(spent, ends_on, len(days), enough_on=enough_on)
    means, counts = _profile(costs, days)
    left = Counter[int]()
    for at in range(1, (ends_on - today).days + 1):
        left[(today + timedelta(days=at)).weekday()] += 1
    still = sum(means[day] * count for day, count in left.items())
    still += means[today.weekday()] * (1 - elapsed)
    spread = _EIGHT_OF_TEN * math.sqrt(_variance(costs, days, means, counts, left, today, 1 - elapsed))
    expected = spent + still
    return Outlook(
        spent,
        ends_on,
        len(days),
        round(expected),
        max(spent, round(expected - spread)),
        round(expected + spread),
    )


def _history(costs: Mapping[date, int], today: date) -> list[date]:
    """Whole days before today, from the first that cost something."""
    used = [day for day, cost in costs.items() if cost and day < today]
    if not used:
        return []
    first = max(min(used), today - timedelta(days=HISTORY_DAYS))
    return [first + timedelta(days=at) for at in range((today - first).days)]


def _profile(costs: Mapping[date, int], days: list[date]) -> tuple[dict[int, float], Counter[int]]:
    counts = Counter(day.weekday() for day in days)
    sums = Counter[int]()
    for day in days:
        sums[day.weekday()] += costs.get(day, 0)
    return {weekday: sums[weekday] / counts[weekday] for weekday in range(7)}, counts


def _variance(
    costs: Mapping[date, int],
    days: list[date],
    means: Mapping[int, float],
    counts: Counter[int],
    left: Counter[int],
    today: date,
    of_today: float,
) -> float:
    """Of what is still to come: of each day, and of the means, which all days of a weekday share."""
    squares = sum((costs.get(day, 0) - means[day.weekday()]) ** 2 for day in days)
    of_a_day = squares / (len(days) - 7)
    weights = {
        weekday: left[weekday] + (of_today if weekday == today.weekday() else 0) for weekday in range(7)
    }
    return sum(of_a_day * (weight + weight**2 / counts[weekday]) for weekday, weight in weights.items())
