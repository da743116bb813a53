"""Days that cost far more than an organization's own past would have one expect.

The judgement is pure and plain, so that it can be said in words: see METHOD.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.reports.spans import midnight
from orbit.lib import money
from orbit.lib.errors import InputError
from quotas import sums
from quotas.reports import names_of, shown
from quotas.rollups import QUARTER, bucket_start
from quotas.sums import Asked
from tenants.models import Organization

DIMENSIONS = {"project": "Project", "model": "Model", "key": "Key", "account": "Provider account"}
HISTORY_DAYS, LEAST_DAYS = 28, 14
USUAL_DAYS, MOST_DAYS = 14, 90
TIMES = 4  # spreads above the median
_SPREAD = 1.4826  # of a median deviation, to be compared with a standard deviation
_LEAST_SPREAD, _OF_ALL = 0.1, 0.05  # of the median; of what the organization usually spends a day
_WEEKDAYS = 4
MOST_GROUPS = 50_000  # of rows that are read
METHOD = (
    f"A day is told when it cost more than the median of the {HISTORY_DAYS} days before by {TIMES} times their usual spread (the median "
    f"distance from that median, made comparable to a standard deviation; at least a tenth of the median, and a twentieth of what the "
    f"organization usually spends in a day), and more than each of the last {_WEEKDAYS} same weekdays. It takes {LEAST_DAYS} days since the "
    "organization's first cost."
)


@dataclass(frozen=True, slots=True)
class Anomaly:
    day: date
    name: str | None
    cost_nano: int
    usual_nano: int
    threshold_nano: int

    @property
    def over_nano(self) -> int:
        return self.cost_nano - self.usual_nano


def anomalies(organization: Organization, by: str, days: int, now: datetime) -> list[Anomaly]:
    """Those of the last `days` days, today included, the newest and greatest first. In the organization's scope, two queries.

    InputError when there is more than can be read: of a part of it nobody could say that no day stands out.
    """
    zone = organization.time_zone
    span = _Days.until(now, zone, days)
    asked = Asked(
        span.since,
        bucket_start(now.astimezone(UTC)) + QUARTER,
        ("day", by),
        {},
        zone,
        figures=("cost_nano",),
        currency=organization.currency,
        most=MOST_GROUPS + 1,
    )
    rows = sums.read(asked)
    if len(rows) > MOST_GROUPS:
        raise InputError(
            "by",
            f"makes more than {MOST_GROUPS:,} rows in {days + HISTORY_DAYS} days",
            "ask by project, or for fewer days",
        )
    names = names_of([by], rows)
    costs: dict[UUID | str | None, dict[date, int]] = defaultdict(dict)
    whole: dict[date, int] = defaultdict(int)
    for row in rows:
        costs[row[by]][row["day"]] = row["cost_nano"]
        whole[row["day"]] += row["cost_nano"]
    began = min((day for day, cost in whole.items() if cost), default=None)
    if began is None:
        return []
    found = [
        one
        for value, of_days in costs.items()
        for day in span.judged
        if (one := judged(shown(value, names) or None, of_days, whole, day, began)) is not None
    ]
    return sorted(found, key=lambda one: (-one.day.toordinal(), -one.over_nano, one.name or ""))


@dataclass(frozen=True, slots=True)
class _Days:
    since: datetime
    judged: Sequence[date]

    @classmethod
    def until(cls, now: datetime, time_zone: str, days: int) -> _Days:
        zone = ZoneInfo(time_zone)
        today = now.astimezone(zone).date()
        first = today - timedelta(days=days - 1)
        return cls(
            midnight(first - timedelta(days=HISTORY_DAYS), zone),
            [first + timedelta(days=at) for at in range(days)],
        )


def judged(
    name: str | None, costs: Mapping[date, int], whole: Mapping[date, int], day: date, began: date
) -> Anomaly | None:
    """Whether a day stands out of the days before it. `costs` and `whole`: absent for nothing; `began`: the first day that cost."""
    cost = costs.get(day, 0)
    first = max(day - timedelta(days=HISTORY_DAYS), began)
    before = [first + timedelta(days=at) for at in range((day - first).days)]
    if cost <= 0 or len(before) < LEAST_DAYS:
        return None
    past = [costs.get(one, 0) for one in before]
    usual = median(past)
    spread = _SPREAD * median(abs(one - usual) for one in past)
    floor = max(_LEAST_SPREAD * usual, _OF_ALL * median(whole.get(one, 0) for one in before))
    threshold = round(usual + TIMES * max(spread, floor))
    same = [costs.get(day - timedelta(weeks=at), 0) for at in range(1, _WEEKDAYS + 1)]
    if cost <= threshold or cost <= max(same):
        return None
    return Anomaly(day, name, cost, round(usual), threshold)


def words(one: Anomaly, currency: str) -> str:
    who = one.name or "calls that name none"
    cost, usual = money.legible(one.cost_nano, currency), money.legible(one.usual_nano, currency)
    often = f", usually {usual}" if one.usual_nano else ", usually next to nothing"
    return f"{one.day:%A %Y-%m-%d}: {who} cost {cost}{often}. More than {money.legible(one.threshold_nano, currency)} is told."
