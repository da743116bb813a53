"""The spans that reports cover: days where the organization is, and the weeks, months, quarters and years of its calendar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orbit.lib.clock import from_us, parse, to_us
from orbit.lib.errors import InputError
from quotas.limits import Calendar, window_at
from quotas.rollups import QUARTER, bucket_start

CHOICES = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "week": "This week",
    "last-week": "Last week",
    "month": "This month",
    "last-month": "Last month",
    "quarter": "This quarter",
    "last-quarter": "Last quarter",
    "year": "This year",
    "last-year": "Last year",
    "custom": "Other days",
}
USUAL = "month"
LONGEST = timedelta(days=400)
_PERIODS = {"today": "day", "yesterday": "day", **{one: one for one in ("week", "month", "quarter", "year")}}


@dataclass(frozen=True, slots=True)
class Span:
    """[since, until), whole quarters of an hour. `first` and `last` are its days in the time zone."""

    name: str
    time_zone: str
    since: datetime
    until: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def first(self) -> date:
        return self.since.astimezone(self.zone).date()

    @property
    def last(self) -> date:
        return (self.until - timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def title(self) -> str:
        return CHOICES[self.name]


def midnight(on: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, time(), zone).astimezone(UTC)


def chosen(asked: Mapping[str, str], calendar: Calendar, now: datetime) -> Span:
    """By `range`, or by `from` and `to`, which are days or moments. InputError names what is wrong."""
    name = asked.get("range") or ("custom" if asked.get("from") or asked.get("to") else USUAL)
    if name not in CHOICES:
        raise InputError("range", f"{name!r} is not known", f"choose one of {', '.join(CHOICES)}")
    if name != "custom" and (asked.get("from") or asked.get("to")):
        raise InputError(
            "from" if asked.get("from") else "to",
            f"does not go with the range {name}",
            "choose custom (other days), or leave the days empty",
        )
    now = now.astimezone(UTC)
    since, end = _custom(asked, calendar, now) if name == "custom" else _named(name, calendar, now)
    until = max(min(end, bucket_start(now) + QUARTER), since + QUARTER)
    if until - since > LONGEST + 2 * QUARTER:
        raise InputError("from", f"is more than {LONGEST.days} days before the end", "ask for less at a time")
    return Span(name, calendar.time_zone, since, until)


def _named(name: str, calendar: Calendar, now: datetime) -> tuple[datetime, datetime]:
    zone = ZoneInfo(calendar.time_zone)
    if name.endswith("d"):
        today = now.astimezone(zone).date()
        days = int(name.removesuffix("d"))
        return midnight(today - timedelta(days=days - 1), zone), midnight(today + timedelta(days=1), zone)
    is_past = name == "yesterday" or name.startswith("last-")
    per = _PERIODS[name.removeprefix("last-")]
    return period(per, calendar, now, back=int(is_past))


def period(per: str, calendar: Calendar, moment: datetime, back: int = 0) -> tuple[datetime, datetime]:
    """The period of the calendar that holds a moment, or one of those before."""
    window = window_at(per, calendar, to_us(moment))
    for _ in range(back):
        window = window_at(per, calendar, window.start - 1)
    return from_us(window.start), from_us(window.end)


def _custom(asked: Mapping[str, str], calendar: Calendar, now: datetime) -> tuple[datetime, datetime]:
    zone = ZoneInfo(calendar.time_zone)
    since = _moment(asked, "from", zone, ends=False)
    until = _moment(asked, "to", zone, ends=True) if asked.get("to") else bucket_start(now) + QUARTER
    if until <= since:
        raise InputError("to", "is before the beginning", "swap the two")
    if since > now:
        raise InputError("from", "has not come yet", "begin earlier")
    return since, until


def _moment(asked: Mapping[str, str], name: str, zone: ZoneInfo, *, ends: bool) -> datetime:
    """A day, of which an end takes all; or a moment, widened to a quarter of an hour."""
    text = asked.get(name, "")
    try:
        if "T" not in text:
            day = date.fromisoformat(text)
            _near(name, day.year)
            return midnight(day + timedelta(days=1) if ends else day, zone)
        moment = parse(text)
    except (ValueError, OverflowError):
        raise InputError(
            name, f"{text!r} is no day", "write it as 2026-11-30, or as 2026-11-30T12:00:00Z"
        ) from None
    _near(name, moment.year)
    start = bucket_start(moment.astimezone(UTC))
    return start if not ends or start == moment else start + QUARTER


def _near(name: str, year: int) -> None:
    if not 2000 <= year <= 2200:
        raise InputError(name, "is too far away", "choose another day")
