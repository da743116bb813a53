"""Calendar windows in the organization's time zone and fiscal calendar."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orbit.lib.clock import to_us
from quotas.limits import Calendar, window_at


def us(text: str, zone: str = "UTC") -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))


@pytest.mark.parametrize(
    ("per", "calendar", "at", "start", "end"),
    [
        ("day", Calendar(), "2026-11-23T12:00", "2026-11-23", "2026-11-24"),
        ("week", Calendar(), "2026-11-22T12:00", "2026-11-16", "2026-11-23"),
        ("week", Calendar(week_starts="sunday"), "2026-11-22T12:00", "2026-11-22", "2026-11-29"),
        ("month", Calendar(), "2026-12-31T23:59", "2026-12-01", "2027-01-01"),
        ("month", Calendar(month_starts_on=15), "2026-01-03T00:00", "2025-12-15", "2026-01-15"),
        ("quarter", Calendar(), "2026-11-23T12:00", "2026-10-01", "2027-01-01"),
        ("quarter", Calendar(year_starts_in=2), "2026-01-05T12:00", "2025-11-01", "2026-02-01"),
        ("year", Calendar(year_starts_in=4), "2026-02-01T00:00", "2025-04-01", "2026-04-01"),
        (
            "year",
            Calendar(year_starts_in=4, month_starts_on=6),
            "2026-04-05T00:00",
            "2025-04-06",
            "2026-04-06",
        ),
    ],
)
def test_window_holds_the_moment(per: str, calendar: Calendar, at: str, start: str, end: str) -> None:
    assert window_at(per, calendar, us(at)) == (us(start), us(end))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Asia/Kathmandu", "2026-11-23", 24),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
    ],
)
def test_days_follow_the_zone(zone: str, day: str, hours: float) -> None:
    window = window_at("day", Calendar(time_zone=zone), us(f"{day}T12:00", zone))
    assert window.start == us(f"{day}T00:00", zone)
    assert window.end - window.start == hours * 3_600_000_000


def test_windows_follow_each_other_without_gap_through_a_year() -> None:
    calendar = Calendar("Europe/Berlin", "sunday", 5, 4)
    for per in ("day", "week", "month", "quarter", "year"):
        at = us("2025-06-01")
        for _ in range(30):
            window = window_at(per, calendar, at)
            assert window.start <= at < window.end
            assert window_at(per, calendar, window.end - 1) == window
            at = window.end
