"""The scheduler of tasks, which keeps its schedule in the database and waits for one that is away."""

from __future__ import annotations

import logging
import signal
import time

from django.db import DatabaseError, InterfaceError, connections
from django_celery_beat.schedulers import DatabaseScheduler

logger = logging.getLogger(__name__)

REST_S = 1.0


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """Without a database the package's ends at once, and whoever starts it again waits longer each time."""

    def setup_schedule(self) -> None:
        _wait_for_database()
        super().setup_schedule()


def _wait_for_database() -> None:
    # Celery's handlers would ask for the schedule that we are waiting for
    ours = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        while not _answers():
            time.sleep(REST_S)
    finally:
        for one, handler in ours.items():
            signal.signal(one, handler)


def _answers() -> bool:
    try:
        connections["default"].ensure_connection()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the scheduler waits for the database: %s", type(error).__name__)
        return False
    return True
