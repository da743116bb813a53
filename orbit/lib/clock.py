"""Times as we write them. Integer microseconds since 1970 in UTC on the wire between our parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def to_us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds: 2026-11-23T01:02:03.000004Z."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    if utc.year < 1000:  # which strftime does not pad, and hashes of events hold on to that
        return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{utc.isoformat(timespec='microseconds')[:26]}Z"


def parse(text: str) -> datetime:
    """A moment written as RFC 3339, or a plain date (midnight UTC). ValueError when it is neither."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def compact_duration(seconds: float) -> str:
    """A span as OpenAI writes resets: 120ms, 1s, 6m0s, 3h0m0s."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
