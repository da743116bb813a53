"""Calendar windows against a second way of finding them: walking from day to day, and to each day's first moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbit.lib.clock import EPOCH, from_us, to_us
from quotas.limits import FOREVER, WEEKDAYS, Calendar, window_at

# Midnights that are skipped or had twice, days that never were, half and quarter hours, whole days over the date line.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut",
    "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "America/Havana",
    "Atlantic/Azores", "America/Godthab", "Asia/Tehran", "Asia/Pyongyang", "Pacific/Apia", "Pacific/Kiritimati",
    "Pacific/Chatham", "Africa/Casablanca", "Antarctica/Casey", "Antarctica/Troll", "Asia/Gaza", "America/Asuncion",
)  # fmt: skip
PERIODS = ("day", "week", "month", "quarter", "year")
FIRST, LAST = datetime(1975, 1, 1, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)

calendars = st.builds(
    Calendar,
    st.sampled_from(ZONES),
    st.sampled_from(sorted(WEEKDAYS)),
    st.integers(1, 28),
    st.integers(1, 12),
)


@cache
def changes(zone: str) -> list[datetime]:
    """The moments at which the zone's clocks are changed; at least one moment."""
    tz, found, at = ZoneInfo(zone), [FIRST], FIRST
    while at < LAST:
        before, at = at, at + timedelta(hours=12)
        offset = before.astimezone(tz).utcoffset()
        if at.astimezone(tz).utcoffset() != offset:
            same, other = before, at
            while other - same > timedelta(seconds=1):
                middle = (same + (other - same) / 2).replace(microsecond=0)
                same, other = (
                    (middle, other) if middle.astimezone(tz).utcoffset() == offset else (same, middle)
                )
            found.append(other)
    return found


@st.composite
def moments(draw: st.DrawFn) -> tuple[Calendar, int]:
    """Any moment, and more often one near a change of the clocks."""
    calendar = draw(calendars)
    if draw(st.integers(0, 3)):
        change = draw(st.sampled_from(changes(calendar.time_zone)))
        at = change + timedelta(minutes=draw(st.integers(-120, 120)))
    else:
        at = draw(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None))).replace(tzinfo=UTC)
    return calendar, to_us(at)


def begins(per: str, day: date, calendar: Calendar) -> bool:
    """Whether a window begins with this day."""
    if per == "day":
        return True
    if per == "week":
        return day.strftime("%A").lower() == calendar.week_starts
    months = {"month": range(12), "quarter": (0, 3, 6, 9), "year": (0,)}[per]
    return day.day == calendar.month_starts_on and (day.month - calendar.year_starts_in) % 12 in months


@cache
def dawn(day: date, zone: str) -> int:
    """The first moment at which the zone's calendar shows this day, or a later one where the day never was."""
    tz, low = ZoneInfo(zone), datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=40)
    for hour in range(80):
        start = low + timedelta(hours=hour)
        if (start + timedelta(hours=1)).astimezone(tz).date() >= day or _in_between(start, tz, day):
            break
    for minute in range(61):
        at = start + timedelta(minutes=minute)
        if at.astimezone(tz).date() >= day:
            return to_us(at)
    raise AssertionError((day, zone))


def _in_between(start: datetime, tz: ZoneInfo, day: date) -> bool:
    """A day may show for a minute before the clocks are set back."""
    return any((start + timedelta(minutes=one)).astimezone(tz).date() >= day for one in range(60))


def walked(per: str, calendar: Calendar, at: int) -> tuple[int, int]:
    """The last beginning at or before a moment, and the first one after it."""
    today = from_us(at).astimezone(ZoneInfo(calendar.time_zone)).date()
    day, start = today + timedelta(days=2), None
    while start is None:
        if begins(per, day, calendar) and dawn(day, calendar.time_zone) <= at:
            start = dawn(day, calendar.time_zone)
        day -= timedelta(days=1)
    day, end = today - timedelta(days=2), None
    while end is None:
        if begins(per, day, calendar) and dawn(day, calendar.time_zone) > at:
            end = dawn(day, calendar.time_zone)
        day += timedelta(days=1)
    return start, end


@given(st.sampled_from(PERIODS), moments())
@settings(max_examples=400, deadline=None)
def test_window_is_the_one_found_by_walking(per: str, moment: tuple[Calendar, int]) -> None:
    calendar, at = moment
    assert window_at(per, calendar, at) == walked(per, calendar, at)


@given(st.sampled_from(PERIODS), moments())
@settings(max_examples=400, deadline=None)
def test_windows_hold_their_moment_and_touch_their_neighbours(per: str, moment: tuple[Calendar, int]) -> None:
    calendar, at = moment
    window = window_at(per, calendar, at)
    assert window.start <= at < window.end
    assert window_at(per, calendar, window.start) == window_at(per, calendar, window.end - 1) == window
    assert window_at(per, calendar, window.end).start == window.end
    assert window_at(per, calendar, window.start - 1).end == window.start


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        # midnight is skipped: the day begins at one o'clock
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", "2026-03-29T21:00"),
        # at midnight it is eleven again: the day before has 25 hours
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", "2018-02-18T03:00"),
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00", "2026-10-29T22:00"),
        # at one it is midnight again: the day begins once, with the first
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00"),
        # at one minute past midnight it is 23:01 of the day before again, which is over nevertheless
        ("America/St_Johns", "2010-11-06", "2010-11-06T02:30", "2010-11-07T02:30"),
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30", "2010-11-08T03:30"),
        # half an hour is had again
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", "2026-04-05T13:30"),
        ("Asia/Kathmandu", "2026-11-23", "2026-11-22T18:15", "2026-11-23T18:15"),
        ("Asia/Kolkata", "2026-11-23", "2026-11-22T18:30", "2026-11-23T18:30"),
        # the 30th of December never was
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", "2011-12-31T10:00"),
    ],
)
def test_odd_days_begin_and_end_where_they_should(zone: str, day: str, start: str, end: str) -> None:
    noon = to_us(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)))
    window = window_at("day", Calendar(zone), noon)
    assert window == (_utc(start), _utc(end))
    assert window_at("day", Calendar(zone), _utc(start)) == window
    assert window_at("day", Calendar(zone), _utc(end) - 1) == window


def _utc(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


@given(st.integers(0, 2**52), calendars)
def test_total_is_one_window(at: int, calendar: Calendar) -> None:
    assert window_at("total", calendar, at) is FOREVER
    assert FOREVER.start == to_us(EPOCH) <= at < FOREVER.end


def test_an_hour_had_again_belongs_to_the_day_that_had_begun() -> None:
    """23:30 in St. John's for the second time, after the next day's first minute."""
    again = _utc("2010-11-07T03:00")
    assert from_us(again).astimezone(ZoneInfo("America/St_Johns")).hour == 23
    assert window_at("day", Calendar("America/St_Johns"), again).start == _utc("2010-11-07T02:30")


def test_a_midnight_had_again_begins_no_second_day() -> None:
    """In Havana clocks go from one back to midnight: both hours after it are of one day, on one counter."""
    havana = Calendar("America/Havana")
    first, again = _utc("2026-11-01T04:30"), _utc("2026-11-01T05:30")
    assert {from_us(at).astimezone(ZoneInfo("America/Havana")).hour for at in (first, again)} == {0}
    assert window_at("day", havana, first) == window_at("day", havana, again)
