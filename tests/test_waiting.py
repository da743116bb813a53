"""Celery's processes while a store is away: they wait, and soon notice that it is back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.utils import functional

from orbit import scheduler
from orbit.broker import MOST_S
from orbit.celery import app
from orbit.launcher.embedded import free_ports


class Enough(Exception):
    pass


def test_broker_that_is_away_is_asked_every_two_seconds_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "sleep", lambda seconds: None)
    rests: list[float] = []

    def tried(error: Exception, rest_s: float) -> None:
        rests.append(rest_s)
        if len(rests) == 1000:  # Celery itself gives up after a hundred
            raise Enough

    connection = app.connection_for_read(f"redis://127.0.0.1:{free_ports(1)[0]}/0")
    with pytest.raises(Enough):
        connection.clone().ensure_connection(tried, app.conf.broker_connection_max_retries)
    assert max(rests) == MOST_S


def test_scheduler_begins_when_the_database_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Iterator[bool] = iter([False, False, True])
    steps: list[str] = []

    def asked() -> bool:
        steps.append("asked")
        return next(answers)

    def set_up(self: Any) -> None:
        steps.append("set up")

    monkeypatch.setattr(scheduler, "_answers", asked)
    monkeypatch.setattr(scheduler, "REST_S", 0)
    monkeypatch.setattr(DatabaseScheduler, "setup_schedule", set_up)
    scheduler.Scheduler(app=app)
    assert steps == ["asked", "asked", "asked", "set up"]
