"""A run's outcomes made again from what it kept, part by part: for whoever wants more than the sums by cause."""

from __future__ import annotations

from billing.models import Run
from billing.reconcile import performing
from billing.reconcile.outcomes import uneven
from billing.reconcile.sides import DayOutcome


def parts_of(run: Run | None) -> list[DayOutcome]:
    """From the reports as they stand now; nobody is asked anything."""
    if run is None:
        return []
    setting = performing.setting_of(run)
    bill, ours = performing.sides(run, setting, run.since)
    return performing.outcomes_of(run, setting, bill, ours, uneven(bill, ours))
