"""What Celery's worker processes count, each in a place of its own on the shelf."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import signals
from django.conf import settings

from orbit.lib.metrics import Book, Family, Kind, Place, Shelf
from orbit.lib.traces import counts
from orbit.traces.tasks import TaskSpans

TASKS = Family(
    "orbit_tasks_total",
    Kind.COUNTER,
    "Tasks that ran, by outcome: success, failure, retry.",
    ("task", "outcome"),
)
TASK_DURATION = Family(
    "orbit_task_seconds",
    Kind.HISTOGRAM,
    "How long they took.",
    ("task",),
    (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300),
)
FAMILIES = (TASKS, TASK_DURATION, counts.SPANS)
EVERY_S = 2.0
OUTCOMES = {"SUCCESS": "success", "FAILURE": "failure", "RETRY": "retry"}


@dataclass
class TaskMeasures:
    """Of one process: the worker forks before it works, so a place is taken afterwards."""

    spans: TaskSpans = field(default_factory=TaskSpans)
    book: Book = field(default_factory=lambda: Book(FAMILIES))
    place: Place | None = None
    began: dict[str, float] = field(default_factory=dict)
    told: float = 0.0

    def connect(self) -> None:
        self.spans.connect()  # first, so that the last spans have left when they are counted
        signals.worker_process_init.connect(self.enter, weak=False)
        signals.task_prerun.connect(self.begins, weak=False)
        signals.task_postrun.connect(self.ended, weak=False)
        signals.worker_process_shutdown.connect(self.close, weak=False)

    def enter(self, **_: Any) -> None:
        self.place = Shelf(Path(settings.ORBIT_DATA_DIR) / "metrics").enter("task")
        self.put()

    def begins(self, task_id: str, **_: Any) -> None:
        if self.place is not None:
            self.began[task_id] = time.monotonic()

    def ended(self, task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
        began = self.began.pop(task_id, None)
        if self.place is None or began is None:
            return
        now = time.monotonic()
        name = task.name.rpartition(".")[2]
        self.book.add(TASKS, (name, OUTCOMES.get(state or "", "failure")))
        self.book.observe(TASK_DURATION, (name,), now - began)
        if now - self.told >= EVERY_S:
            self.put()

    def put(self) -> None:
        if self.place is not None:
            if self.spans.tracer is not None:
                counts.tell(self.book, self.spans.tracer.exporter)
            self.told = time.monotonic()
            self.place.put(self.place.content(self.book))

    def close(self, **_: Any) -> None:
        self.put()
        if self.place is not None:
            self.place.close()
