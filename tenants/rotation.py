"""How a key's secret is renewed, and when it must be. Pure; the database holds the bounds of days as a constraint."""

from __future__ import annotations

from datetime import datetime, timedelta

MOST_DAYS = 3650  # of a schedule
GRACE = timedelta(days=7)  # from the day on which a rotation is due until the secret is refused
USUAL_OVERLAP = timedelta(hours=24)
MOST_OVERLAP = timedelta(days=30)


def due(issued_at: datetime, after_days: int | None, now: datetime) -> datetime | None:
    """When a secret is to be renewed. A schedule that comes late to an old secret leaves it the grace all the same."""
    return None if after_days is None else max(issued_at + timedelta(days=after_days), now)


def earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
