"""Background work that organizations ask for, taken in turn.

Each organization has a line of its own, and only the first few of it are with Celery at a time: what one of them asks for,
however much, stands before nobody else's. `docs/isolation.md` tells operators about it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis

logger = logging.getLogger(__name__)

QUEUE = "jobs"
MOST_WAITING = 1_000  # of an organization
TIMEOUT_S = 5
LINES, PLACE = "orbit-line:lines", "orbit-line:place"
SCRIPT = Path(__file__).with_suffix(".lua").read_text().removeprefix("#!lua\n")
# Which tasks stand in line, and after how many seconds one that was lost is not waited for any more.
TASKS = {
    "billing.tasks.perform_run": 1_800,
    "console.tasks.make_export": 360,
    "console.tasks.tell_of_bill": 360,
    "console.tasks.tell_of_request": 360,
    "console.tasks.try_draft": 360,
    "tenants.tasks.make_ledger_export": 300,
}


class Full(Exception):
    """Too much of the organization waits already."""


@functools.cache
def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)


def join(task: str, organization_id: str, *arguments: str | int) -> None:
    """Has a task of an organization done in its turn. RedisError or OperationalError when the queue is away; Full.

    The same again keeps its place. Whoever has to be sure that it is done asks again after a while.
    """
    _step(organization_id, "join", _job(task, (organization_id, *arguments)))


def ended(task: str, arguments: Sequence[str | int]) -> None:
    """A worker is done with it, however that went: the next one comes."""
    _step(str(arguments[0]), "end", _job(task, arguments))


def call() -> int:
    """Calls what may come because something was lost; returns how many organizations have something waiting."""
    waiting: set[bytes] = _client(settings.ORBIT_BROKER_URL).smembers(LINES)  # type: ignore[assignment]
    for organization_id in waiting:
        _step(organization_id.decode(), "", b"")
    return len(waiting)


def before(task: str, organization_id: str, *arguments: str | int) -> int | None:
    """How many of the organization's jobs come before it; None for one that does not wait."""
    job = _job(task, (organization_id, *arguments))
    found: Any = _client(settings.ORBIT_BROKER_URL).zrank(f"orbit-line:{organization_id}:waiting", job)
    return None if found is None else int(found)


def _job(task: str, arguments: Sequence[str | int]) -> bytes:
    return orjson.dumps([task, list(arguments), TASKS[task]])


def _step(organization_id: str, what: str, job: bytes) -> None:
    own = f"orbit-line:{organization_id}"
    called: Any = _client(settings.ORBIT_BROKER_URL).eval(
        SCRIPT,
        4,
        f"{own}:there",
        f"{own}:waiting",
        LINES,
        PLACE,
        organization_id,
        settings.ORBIT_JOBS_EACH,
        MOST_WAITING,
        what,
        job,
    )
    if called == [b"FULL"]:
        raise Full
    for number, one in enumerate(called):
        task, arguments, _ = orjson.loads(one)
        try:
            current_app.send_task(task, arguments, queue=QUEUE)
        except OperationalError:
            _take_back(own, called[number:], job)
            raise


def _take_back(own: str, unsent: Sequence[bytes], asked_for: bytes) -> None:
    """Jobs that did not reach Celery wait on, first of all; whoever asked for one now is told that it is not done."""
    store = _client(settings.ORBIT_BROKER_URL)
    for one in unsent:
        store.zrem(f"{own}:there", one)
        if one != asked_for:
            store.zadd(f"{own}:waiting", {one: 0})
            store.sadd(LINES, own.removeprefix("orbit-line:"))
