"""Limits of cost as budgets: what is spent, how that compares with the time that has gone, where it will end.

In the organization's scope. `spent` and `held` are the counters that calls are checked against, so they are of this moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.reports.spans import midnight
from orbit.lib.clock import from_us
from quotas import outlook, sums
from quotas.limits import ANY_USER, FOREVER, Limit
from quotas.outlook import HISTORY_DAYS
from quotas.policies import calendar_of
from quotas.rollups import QUARTER, bucket_start
from quotas.status import Reading, every_limit, readings
from quotas.sums import Asked
from tenants.models import Organization

_COLUMNS = {"project": "project_id", "key": "key_id"}


@dataclass(frozen=True, slots=True)
class Budget:
    """`starts_at` and `ends_at` are None of a budget that never begins anew. Money in nano-units.

    `expected`, `low` and `high` are what will be spent at the end, None without enough history.
    """

    counter: str  # what is counted, the same for as long as the limit stays on the same object
    name: str
    level: str
    object: str
    per: str
    models: tuple[str, ...] | None
    shadow: bool
    limit_nano: int
    spent_nano: int
    held_nano: int
    starts_at: datetime | None
    ends_at: datetime | None
    read_at: datetime
    expected_nano: int | None = None
    low_nano: int | None = None
    high_nano: int | None = None

    @property
    def percent(self) -> float:
        """Of the limit that is spent; of a limit of nothing, all."""
        return round(100 * self.spent_nano / self.limit_nano, 1) if self.limit_nano > 0 else 100.0

    @property
    def elapsed_percent(self) -> float | None:
        """Of its time that has gone."""
        if self.starts_at is None or self.ends_at is None:
            return None
        return round(100 * ((self.read_at - self.starts_at) / (self.ends_at - self.starts_at)), 1)

    @property
    def pace(self) -> float | None:
        """1 is as fast as would spend all of it exactly at the end; None at the very beginning."""
        elapsed = self.elapsed_percent
        return round(self.percent / elapsed, 2) if elapsed else None

    @property
    def is_over_by_forecast(self) -> bool:
        return self.expected_nano is not None and self.expected_nano > self.limit_nano


def budgets(organization: Organization) -> list[Budget]:
    """Every limit of cost, those on each end user aside. RedisError when the counting store is away."""
    made = foretold(organization, read(organization, every_limit(organization)))
    order = ("organization", "project", "key")
    return sorted(made, key=lambda one: (order.index(one.level), one.object, one.name))


def read(organization: Organization, limits: Sequence[Limit]) -> list[Reading]:
    """Those of the limits that are budgets, as they stand. RedisError when the counting store is away."""
    some = [one for one in limits if one.meter == "cost" and one.user != ANY_USER]
    return readings(organization.shard, str(organization.pk), some, calendar_of(organization))


def foretold(organization: Organization, found: Sequence[Reading]) -> list[Budget]:
    """With where they will end, which takes the costs of the last weeks."""
    still = _Still.to_come(organization, [one.limit for one in found])
    return [budget(one, still.until_end(one)) for one in found]


def budget(reading: Reading, still: tuple[int, int] | None = None) -> Budget:
    """`still`: what is to come until its end, and the half-width of the band."""
    limit, window = reading.limit, reading.window if reading.window != FOREVER else None
    spent = reading.spent
    expected = low = high = None
    if still is not None:
        more, spread = still
        expected, low, high = spent + more, spent + max(0, more - spread), spent + more + spread
    return Budget(
        counter=limit.counter,
        name=limit.name,
        level=limit.level,
        object=limit.object_name,
        per=limit.per or "",
        models=limit.models,
        shadow=limit.shadow,
        limit_nano=limit.in_force(reading.at_us)[0],
        spent_nano=spent,
        held_nano=reading.counter.held,
        starts_at=from_us(window.start) if window else None,
        ends_at=from_us(window.end) if window else None,
        read_at=from_us(reading.at_us),
        expected_nano=expected,
        low_nano=low,
        high_nano=high,
    )


Costs = Mapping[date, int]


@dataclass(frozen=True, slots=True)
class _Still:
    """The costs of the last weeks by what budgets are of, to say what is still to come. Three queries, whatever there is."""

    zone: ZoneInfo
    now: datetime
    costs: Mapping[tuple[str, str | None], Costs]  # by object and model; None: of all models

    @classmethod
    def to_come(cls, organization: Organization, limits: Sequence[Limit]) -> _Still:
        zone, now = ZoneInfo(organization.time_zone), datetime.now(UTC)
        first = midnight(now.astimezone(zone).date() - timedelta(days=HISTORY_DAYS), zone)
        costs: dict[tuple[str, str | None], dict[date, int]] = defaultdict(lambda: defaultdict(int))
        for level in ("organization", *_COLUMNS):
            some = [one for one in limits if one.level == level]
            ids = {one.object_id for one in some}
            if ids:
                # By model only where a budget is of some: sums of the whole are in far fewer rows.
                models = ["model"] if any(one.models is not None for one in some) else []
                asked = Asked(
                    first,
                    bucket_start(now) + QUARTER,
                    ("day", *models, *([level] if level in _COLUMNS else [])),
                    {_COLUMNS[level]: [UUID(one) for one in ids]} if level in _COLUMNS else {},
                    organization.time_zone,
                    figures=("cost_nano",),
                    currency=organization.currency,
                )
                for row in sums.read(asked):
                    _add(costs, str(row.get(level) or organization.pk), row)
        return cls(zone, now, costs)

    def until_end(self, reading: Reading) -> tuple[int, int] | None:
        """What will be spent from now to the window's end, and the half-width of its band."""
        limit, window = reading.limit, reading.window
        if window is None or window == FOREVER:
            return None
        today = self.now.astimezone(self.zone).date()
        start, end = midnight(today, self.zone), midnight(today + timedelta(days=1), self.zone)
        last = (from_us(window.end) - timedelta(microseconds=1)).astimezone(self.zone).date()
        costs = self._of(limit)
        found = outlook.period_end(
            costs, today, (self.now - start) / (end - start), begins_on=today, ends_on=last
        )
        if found.expected is None or found.high is None:
            return None
        return max(0, found.expected - found.spent), found.high - found.expected

    def _of(self, limit: Limit) -> Costs:
        if limit.models is None:
            return self.costs.get((limit.object_id, None), {})
        added: dict[date, int] = defaultdict(int)
        for model in limit.models:
            for day, cost in self.costs.get((limit.object_id, model), {}).items():
                added[day] += cost
        return added


def _add(costs: dict[tuple[str, str | None], dict[date, int]], whose: str, row: Mapping[str, Any]) -> None:
    costs[whose, None][row["day"]] += row["cost_nano"]
    if "model" in row:
        costs[whose, row["model"]][row["day"]] += row["cost_nano"]
