"""The loop that stands in for Celery's worker runs its tasks as Celery does, else trials would say nothing of it."""

from __future__ import annotations

from faults import zygote
from orbit.celery import app
from tenants.models import Installation
from tests.dead_connections import hang_up


def test_task_after_one_that_met_a_dead_database_has_a_connection_again() -> None:
    """A reaper whose connection stayed broken left leases open for minutes: trials 11 and 52 of `trail`."""
    done: list[int] = []

    @app.task(name="tests.ask")
    def ask() -> None:
        done.append(Installation.objects.get().pk)

    zygote._attempt(ask)
    hang_up("default")
    zygote._attempt(ask)  # meets the dead connection
    zygote._attempt(ask)
    app.tasks.unregister("tests.ask")  # others count the tasks that there are
    assert len(done) >= 2
