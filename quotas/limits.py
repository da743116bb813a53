"""Limits as pure values, and the arithmetic of their windows. No I/O."""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo

from orbit.lib.clock import from_us, to_us

SMOOTH_US = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000}
CALENDAR = ("day", "week", "month", "quarter", "year", "total")
TOKEN_METERS = ("tokens", "input_tokens", "output_tokens")
WEEKDAYS = {"monday": 0, "saturday": 5, "sunday": 6}


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an organization's days, weeks, months and years begin."""

    time_zone: str = "UTC"
    week_starts: str = "monday"
    month_starts_on: int = 1
    year_starts_in: int = 1


class Window(NamedTuple):
    """Half-open, in microseconds since 1970 UTC."""

    start: int
    end: int


FOREVER = Window(0, 2**53 - 1)


class Raised(NamedTuple):
    """A temporary increase: what holds in place of `limit` and `burst` until a moment, in microseconds."""

    limit: int
    burst: int
    until: int


# Stands in the counter of an end user's limit for the user: as long as a digest, so that packed keys keep their length.
ANY_USER = "~" * 24
NOBODY = "(none)"  # the end user of calls that name none


def user_digest(end_user: str | None) -> str:
    """How an end user appears in the name of a counter."""
    return blake2b((end_user or NOBODY).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit on one object. `limit` and `burst` are in the meter's unit; cost in nano.

    Of a limit on each end user, `object_id` is the organization, project or key whose policy it is, `parent` says
    which of them, and `user` is ANY_USER until `for_user` names one.
    """

    name: str
    level: str  # organization, project, key or end_user
    object_id: str
    object_name: str
    meter: str
    per: str | None  # None for concurrency
    limit: int
    burst: int
    models: tuple[str, ...] | None = None
    shadow: bool = False  # counts and reports, never refuses
    raised: Raised | None = None
    parent: str = ""
    user: str = ""
    beside: int = 0  # more than 0 where limits on one object, meter, window and models each need a counter

    @property
    def counter(self) -> str:
        """What is counted: object, meter, window and models, so that renaming a limit keeps what was spent.

        A shadow limit counts apart: a call is checked against one limit for each counter, and what only reports
        must not stand in for what refuses.
        """
        which = (
            sha256("\n".join(sorted(self.models)).encode()).hexdigest()[:12]
            if self.models is not None
            else "*"
        )
        owner = f"{self.object_id}/{self.user}" if self.user else self.object_id
        apart = f"{':shadow' if self.shadow else ''}{f':{self.beside}' if self.beside else ''}"
        return f"{owner}:{self.meter}:{self.per or 'now'}:{which}{apart}"

    def for_user(self, end_user: str | None) -> Limit:
        """The same limit on one end user; any other limit as it is."""
        if self.level != "end_user":
            return self
        return replace(self, user=user_digest(end_user), object_name=end_user or NOBODY)

    def is_raised(self, at_us: int) -> bool:
        return self.raised is not None and at_us < self.raised.until

    def in_force(self, at_us: int) -> tuple[int, int]:
        """Limit and burst at a moment, a temporary increase included."""
        raised = self.raised
        return (raised.limit, raised.burst) if raised and at_us < raised.until else (self.limit, self.burst)

    def most(self, at_us: int) -> int:
        """The most that may be spent and held at once: the burst of a smooth limit, any other one's limit."""
        limit, burst = self.in_force(at_us)
        return burst if self.smooth else limit

    @property
    def smooth(self) -> bool:
        return self.per in SMOOTH_US

    @property
    def by_estimate(self) -> bool:
        """Whether what is taken depends on how many tokens we expect."""
        return self.meter in TOKEN_METERS or self.meter == "cost"

    def applies_to(self, model: str) -> bool:
        return self.models is None or model in self.models


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a call takes from its meters: reserved before it, or used in the end."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    calls: int = 1

    def of(self, meter: str) -> int:
        if meter == "tokens":
            return self.input_tokens + self.output_tokens
        if meter == "input_tokens":
            return self.input_tokens
        if meter == "output_tokens":
            return self.output_tokens
        return self.cost_nano if meter == "cost" else self.calls


def window_at(per: str, calendar: Calendar, at_us: int) -> Window:
    """The calendar window that holds a moment, in the organization's time zone and fiscal calendar.

    Windows follow each other without gap or overlap: where clocks are set back over midnight, the hour that is
    then had again belongs to the day that had begun already.
    """
    if per == "total":
        return FOREVER
    zone = ZoneInfo(calendar.time_zone)
    local = from_us(at_us).astimezone(zone).replace(tzinfo=None, fold=0)  # of a midnight had twice, the first
    first = _first_day(per, calendar, local)
    following = _following(per, first, calendar)
    while _instant(following, zone) <= at_us:
        first, following = following, _following(per, following, calendar)
    return Window(_instant(first, zone), _instant(following, zone))


def _first_day(per: str, calendar: Calendar, local: datetime) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        return day
    if per == "week":
        return day - timedelta(days=(day.weekday() - WEEKDAYS[calendar.week_starts]) % 7)
    first = day.replace(day=calendar.month_starts_on)
    if first > day:
        first = _add_months(first, -1)
    if per == "month":
        return first
    into_year = (first.month - calendar.year_starts_in) % 12
    return _add_months(first, -(into_year % 3 if per == "quarter" else into_year))


def _following(per: str, first: datetime, calendar: Calendar) -> datetime:
    if per == "day":
        return first + timedelta(days=1)
    if per == "week":
        return first + timedelta(days=7)
    return _add_months(first, {"month": 1, "quarter": 3, "year": 12}[per])


def _add_months(day: datetime, count: int) -> datetime:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, months.monthrange(year, month + 1)[1]))


def _instant(local: datetime, zone: ZoneInfo) -> int:
    """The first moment of a local day. Where midnight is skipped by daylight saving, the day starts after the gap."""
    return to_us(local.replace(tzinfo=zone))
