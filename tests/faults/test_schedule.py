"""When the loop that stands in for beat begins what."""

from __future__ import annotations

from celery.schedules import crontab

from faults import zygote
from orbit.celery import app


def test_new_writer_begins_with_what_is_due_all_the_time_and_with_no_nights_work() -> None:
    first = zygote._first(1_000.0)
    nightly = {
        name for name, entry in app.conf.beat_schedule.items() if isinstance(entry["schedule"], crontab)
    }
    assert len(nightly) >= 2
    assert {name for name, due in first.items() if due > 1_000.0} == nightly
    assert {first[name] for name in nightly} == {1_000.0 + zygote.NIGHTLY_S}
