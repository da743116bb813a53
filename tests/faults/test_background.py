"""The loop that stands in for Celery's worker runs its tasks as Celery does, else trials would say nothing of it."""

from __future__ import annotations

import socket
from contextlib import closing

from django.db import connections

from faults import zygote
from orbit.celery import app
from tenants.models import Installation


def test_task_after_one_that_met_a_dead_database_has_a_connection_again() -> None:
    """A reaper whose connection stayed broken left leases open for minutes: trials 11 and 52 of `trail`."""
    done: list[int] = []

    @app.task(name="tests.ask")
    def ask() -> None:
        done.append(Installation.objects.get().pk)

    zygote._attempt(ask)
    _hang_up("default")
    zygote._attempt(ask)  # meets the dead connection
    zygote._attempt(ask)
    app.tasks.unregister("tests.ask")  # others count the tasks that there are
    assert len(done) >= 2


def _hang_up(alias: str) -> None:
    """What a killed server leaves of a connection."""
    connections[alias].ensure_connection()
    descriptor = connections[alias].connection.fileno()
    with closing(socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)) as ours:
        ours.shutdown(socket.SHUT_RDWR)
