"""The line of background work, looked after."""

from __future__ import annotations

from celery import shared_task

from orbit.lib import line


@shared_task(name="orbit.tasks.call_next", time_limit=60)
def call_next() -> int:
    """Calls jobs whose turn it is since others were lost with their worker; returns how many organizations wait."""
    return line.call()
