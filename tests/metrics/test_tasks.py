"""Celery's processes count their tasks, each in a place of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orbit.lib.metrics import Shelf
from orbit.metrics.scrape import COUNTED
from orbit.metrics.tasks import TaskMeasures

WRITE = SimpleNamespace(name="audit.tasks.write_ledger")


def test_tasks_are_counted_by_outcome(tmp_path: Path, settings: Any) -> None:
    settings.ORBIT_DATA_DIR = tmp_path
    process = TaskMeasures()
    process.begins("before the fork")
    process.ended("before the fork", WRITE, "SUCCESS")
    process.enter()
    for number, state in enumerate(("SUCCESS", "SUCCESS", "FAILURE", "RETRY", None)):
        process.begins(str(number))
        process.ended(str(number), WRITE, state)
    process.close()
    series, _ = Shelf(tmp_path / "metrics").read(COUNTED)
    assert series["orbit_tasks_total"] == {
        ("write_ledger", "success"): 2,
        ("write_ledger", "failure"): 2,
        ("write_ledger", "retry"): 1,
    }
    assert sum(series["orbit_task_seconds"]["write_ledger",][:-1]) == 5  # type: ignore[index]
