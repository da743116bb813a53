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
QUEUES = ("celery", QUEUE)  # all of Celery's
PREFIX = "orbit-celery:"  # of Celery's keys in the broker
MOST_WAITING = 1_000  # of an organization
TIMEOUT_S = 5
AGAIN_S = 60
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


def begun(task: str, arguments: Sequence[str | int]) -> None:
    """A worker has it, so it did not get lost on the way. RedisError."""
    _client(settings.ORBIT_BROKER_URL).zrem(f"orbit-line:{arguments[0]}:sent", _job(task, arguments))


def call() -> int:
    """Calls what may come because something was lost; returns how many organizations it looked at.

    What was sent a minute ago, was never begun and is not in the queue either has not come there: it is sent once more.
    """
    store = _client(settings.ORBIT_BROKER_URL)
    lines: set[bytes] = store.smembers(LINES)  # type: ignore[assignment]
    again_s = "" if lengths(store)[QUEUE] else str(AGAIN_S)
    for organization_id in lines:
        _step(organization_id.decode(), "", b"", again_s)
    return len(lines)


def lengths(broker: Redis) -> dict[str, int]:
    """How many tasks wait in each of Celery's queues. RedisError."""
    return {queue: int(broker.llen(f"{PREFIX}{queue}")) for queue in QUEUES}


def before(task: str, organization_id: str, *arguments: str | int) -> int | None:
    """How many of the organization's jobs come before it; None for one that does not wait."""
    job = _job(task, (organization_id, *arguments))
    found: Any = _client(settings.ORBIT_BROKER_URL).zrank(f"orbit-line:{organization_id}:waiting", job)
    return None if found is None else int(found)


def _job(task: str, arguments: Sequence[str | int]) -> bytes:
    return orjson.dumps([task, list(arguments), TASKS[task]])


def _step(organization_id: str, what: str, job: bytes, again_s: str = "") -> None:
    own = f"orbit-line:{organization_id}"
    answer: Any = _client(settings.ORBIT_BROKER_URL).eval(
        SCRIPT,
        5,
        f"{own}:there",
        f"{own}:waiting",
        LINES,
        PLACE,
        f"{own}:sent",
        organization_id,
        settings.ORBIT_JOBS_EACH,
        MOST_WAITING,
        what,
        job,
        again_s,
    )
    if answer == [b"FULL"]:
        raise Full
    new, *called = answer
    for number, one in enumerate(called):
        task, arguments, _ = orjson.loads(one)
        try:
            current_app.send_task(task, arguments, queue=QUEUE)
        except OperationalError:
            _take_back(own, called[number:], job if new else b"")
            raise


def _take_back(own: str, unsent: Sequence[bytes], new: bytes) -> None:
    """Jobs that did not reach Celery wait on, first of all; whoever asked for a new one is told that it is not done."""
    store = _client(settings.ORBIT_BROKER_URL)
    for one in unsent:
        store.zrem(f"{own}:there", one)
        store.zrem(f"{own}:sent", one)
        if one != new:
            store.zadd(f"{own}:waiting", {one: 0})
            store.sadd(LINES, own.removeprefix("orbit-line:"))
    if new:
        store.zrem(f"{own}:waiting", new)
