"""The line with Celery's own workers: what one organization has asked for a thousand times keeps nobody else waiting."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import redis
from celery import current_app
from django.conf import settings

from console import pulse
from orbit.launcher.state import PROJECT
from orbit.lib import line

TASK = "tenants.tasks.make_ledger_export"  # of files that are not there: nothing to do


def _with_workers(organization: str) -> int:
    with redis.Redis.from_url(settings.ORBIT_BROKER_URL) as store:
        return int(store.zcard(f"orbit-line:{organization}:there"))


@contextmanager
def _worker(app: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", line.QUEUE, "-c", "1"]
    worker = subprocess.Popen([*argv, "--without-gossip", "--without-mingle"], cwd=PROJECT)
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


@pytest.mark.full
def test_first_job_of_another_is_done_while_a_thousand_wait() -> None:
    greedy, other, last = str(uuid4()), str(uuid4()), ""
    for _ in range(1_000):
        last = str(uuid4())
        line.join(TASK, greedy, last)
    line.join(TASK, other, str(uuid4()))
    assert (_with_workers(greedy), _with_workers(other)) == (settings.ORBIT_JOBS_EACH, 1)
    with _worker("orbit.celery") as worker:
        while _with_workers(other):
            assert worker.poll() is None
            time.sleep(0.02)
        before = line.before(TASK, greedy, last)
        assert before is not None
        assert before > 900
        while (left := line.before(TASK, greedy, last)) is not None and left > before - 20:  # and they go on
            time.sleep(0.05)


@pytest.mark.full
def test_jobs_whose_processes_are_killed_keep_no_place_and_their_queue_still_beats() -> None:
    crashing = str(uuid4())
    for _ in range(settings.ORBIT_JOBS_EACH + 1):
        line.join(TASK, crashing, str(uuid4()))
    pulse.forget()
    current_app.send_task("console.tasks.beat", queue=line.QUEUE)
    with _worker("tests.lib.dying_worker") as worker:
        while _with_workers(crashing) or not pulse.pulses()[line.QUEUE]:
            assert worker.poll() is None
            time.sleep(0.05)
    assert pulse.pulses()["celery"] == []  # it takes nothing from there
