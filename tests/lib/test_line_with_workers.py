"""The line with Celery's own workers: what one organization has asked for a thousand times keeps nobody else waiting."""

from __future__ import annotations

import subprocess
import sys
import time
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from orbit.launcher.state import PROJECT
from orbit.lib import line

TASK = "tenants.tasks.make_ledger_export"  # of files that are not there: nothing to do


def _with_workers(organization: str) -> int:
    with redis.Redis.from_url(settings.ORBIT_BROKER_URL) as store:
        return int(store.zcard(f"orbit-line:{organization}:there"))


@pytest.mark.full
def test_first_job_of_another_is_done_while_a_thousand_wait() -> None:
    greedy, other, last = str(uuid4()), str(uuid4()), ""
    for _ in range(1_000):
        last = str(uuid4())
        line.join(TASK, greedy, last)
    line.join(TASK, other, str(uuid4()))
    assert (_with_workers(greedy), _with_workers(other)) == (settings.ORBIT_JOBS_EACH, 1)
    argv = [sys.executable, "-m", "celery", "-A", "orbit.celery", "worker", "-Q", line.QUEUE, "-c", "1"]
    worker = subprocess.Popen([*argv, "--without-gossip", "--without-mingle"], cwd=PROJECT)
    try:
        while _with_workers(other):
            assert worker.poll() is None
            time.sleep(0.02)
        before = line.before(TASK, greedy, last)
        assert before is not None
        assert before > 900
        while (left := line.before(TASK, greedy, last)) is not None and left > before - 20:  # and they go on
            time.sleep(0.05)
    finally:
        worker.terminate()
        worker.wait(30)
