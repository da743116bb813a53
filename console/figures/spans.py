"""The spans that a dashboard can show: calendar days where the organization is, and the period before to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orbit.lib.errors import InputError
from quotas.rollups import QUARTER, bucket_start

CHOICES = {
    "today": "Today",
    "7d": "7 days",
    "30d": "30 days",
    "month": "This month",
    "last-month": "Last month",
    "custom": "Other days",
}
BEFORE = {
    "today": "yesterday by this time",
    "7d": "the 7 days before",
    "30d": "the 30 days before",
    "month": "last month by this time",
    "last-month": "the month before",
    "custom": "as many days before",
}
LONGEST_DAYS = 400
_HOURLY_DAYS = 2  # longer spans are drawn by the day


@dataclass(frozen=True, slots=True)
class Span:
    """[since, until) and, of the same length, the period before. `last` is the last calendar day that is drawn."""

    name: str
    zone: ZoneInfo
    first: date
    last: date
    since: datetime
    until: datetime
    before_since: datetime
    before_until: datetime

    @property
    def step(self) -> str:
        return "hour" if (self.last - self.first).days < _HOURLY_DAYS else "day"

    @property
    def compared_with(self) -> str:
        return BEFORE[self.name]

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=at) for at in range((self.last - self.first).days + 1)]

    def day(self, on: date) -> tuple[datetime, datetime]:
        return midnight(on, self.zone), midnight(on + timedelta(days=1), self.zone)

    @property
    def end(self) -> datetime:
        """Of the last day, which may not be over."""
        return midnight(self.last + timedelta(days=1), self.zone)


def midnight(on: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, time(), zone).astimezone(UTC)


def chosen(asked: Mapping[str, str], time_zone: str, now: datetime, default: str = "30d") -> Span:
    """By `range`, and `from` and `to` of a custom one. InputError names what is wrong."""
    zone, name = ZoneInfo(time_zone), asked.get("range") or default
    today = now.astimezone(zone).date()
    if name not in CHOICES:
        raise InputError("range", f"{name!r} is not known", f"choose one of {', '.join(CHOICES)}")
    first, last, back = _days(name, asked, today)
    since = midnight(first, zone)
    end = midnight(last + timedelta(days=1), zone)
    until = min(end, bucket_start(now.astimezone(UTC)) + QUARTER)
    before_until = since if last < today else min(_moved(until, zone, back), since)
    return Span(name, zone, first, last, since, until, midnight(first - back, zone), before_until)


def _days(name: str, asked: Mapping[str, str], today: date) -> tuple[date, date, timedelta]:
    """First and last day, and how far back the period before begins."""
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    if name == "month":
        return month, today, month - last_month
    if name == "last-month":
        before = (last_month - timedelta(days=1)).replace(day=1)
        return last_month, month - timedelta(days=1), last_month - before
    if name == "custom":
        first, last = _date(asked, "from"), _date(asked, "to")
        _in_order(first, last, today)
    else:
        first, last = today - timedelta(days={"today": 1, "7d": 7, "30d": 30}[name] - 1), today
    return first, last, last - first + timedelta(days=1)


def _date(asked: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(asked.get(name, ""))
    except ValueError:
        raise InputError(name, f"{asked.get(name, '')!r} is no day", "write it as 2026-11-30") from None


def _in_order(first: date, last: date, today: date) -> None:
    if last < first:
        raise InputError("to", "is before the first day", "swap the two")
    if first > today:
        raise InputError("from", "has not come yet", f"begin by {today:%Y-%m-%d}")
    if (last - first).days >= LONGEST_DAYS:
        raise InputError(
            "from", f"is more than {LONGEST_DAYS} days before the last", "ask for less at a time"
        )
    if first.year < 2000 or last.year > today.year + 1:
        raise InputError("from" if first.year < 2000 else "to", "is too far away", "choose another day")


def _moved(moment: datetime, zone: ZoneInfo, back: timedelta) -> datetime:
    """The same time of day so many calendar days before."""
    local = moment.astimezone(zone)
    return datetime.combine(local.date() - back, local.time(), zone).astimezone(UTC)
