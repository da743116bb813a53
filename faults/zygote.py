"""`python -m faults.zygote --fd N`: forks gateway workers from a process that has imported everything.

A killed worker is replaced in a fraction of what a start from nothing takes, which makes thousands of kills
affordable. What runs in the fork is the launcher's own `orbit.launcher.web`; a writer runs the tasks that a
Celery worker would, in a loop; a sender is `manage.py sinks run`.

Standard input says in lines of JSON how many of each are wanted, `{"web": 4, "writer": 1}`; standard output
says after each change which there are, `{"web": [pid, …], "writer": [pid], "sender": [], "deaths": 3}`.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NoReturn

from celery import Task
from django.core.management import call_command

import orbit.asgi  # noqa: F401 - it sets Django up and brings in all that a worker needs
from orbit.celery import app
from orbit.launcher import web

_PR_SET_PDEATHSIG = 1
LOOK_S = 0.01
OFTEN_S = 15.0
HASTE = 8  # how many times as often as beat
NIGHTLY_S = 3600.0  # between two runs of what beat starts at an hour of the day
REST_S = 0.2  # after a child that could not go on, such as one whose database is away

logger = logging.getLogger(__name__)


class Zygote:
    def __init__(self, roles: dict[str, Callable[[], object]]) -> None:
        self.roles = roles
        self.wanted = dict.fromkeys(roles, 0)
        self.running: dict[int, str] = {}
        self.deaths = 0

    def live(self) -> None:
        """Until standard input ends; then everything that was forked is killed."""
        gc.freeze()
        pending = b""
        while True:
            changed = self._bury() | self._fork()
            if changed:
                self._tell()
            if not select.select([0], [], [], LOOK_S)[0]:
                continue
            said = os.read(0, 65536)
            if not said:
                break
            *lines, pending = (pending + said).split(b"\n")
            for line in lines:
                self.wanted.update(json.loads(line))
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)

    def _bury(self) -> bool:
        found = False
        while self.running:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            self.running.pop(pid, None)
            self.deaths += 1
            found = True
        return found

    def _fork(self) -> bool:
        changed = False
        for role, wanted in self.wanted.items():
            for _ in range(wanted - list(self.running.values()).count(role)):
                self.running[_child(self.roles[role])] = role
                changed = True
        return changed

    def _tell(self) -> None:
        said = {role: [pid for pid, theirs in self.running.items() if theirs == role] for role in self.roles}
        print(json.dumps({**said, "deaths": self.deaths}), flush=True)


def _child(work: Callable[[], object]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        work()
    except BaseException:
        traceback.print_exc()
        time.sleep(REST_S)
    finally:
        os._exit(0)


def write_forever(longest_s: float) -> None:
    """The tasks of beat's schedule, more often. One that fails is tried again, as beat would.

    Those of every few seconds do not wait for the others, as in a pool of Celery's.
    """
    often = {name for name, entry in app.conf.beat_schedule.items() if _period(entry) <= OFTEN_S}
    rest = threading.Thread(
        target=_repeat, args=(set(app.conf.beat_schedule) - often, longest_s), daemon=True
    )
    rest.start()
    _repeat(often, longest_s)


def _repeat(names: Collection[str], longest_s: float) -> NoReturn:
    entries = [(name, app.conf.beat_schedule[name]) for name in names]
    due = _first(time.monotonic())
    while True:
        for name, entry in sorted(entries, key=lambda one: _period(one[1])):
            now = time.monotonic()
            if now >= due[name]:
                period = _period(entry)
                due[name] = now + (period if _is_nightly(entry) else min(period / HASTE, longest_s))
                _attempt(app.tasks[entry["task"]])
        time.sleep(LOOK_S)


def _first(now: float) -> dict[str, float]:
    """When each is due first. A writer that has just replaced a killed one begins no night's work."""
    return {
        name: now + (NIGHTLY_S if _is_nightly(entry) else 0.0)
        for name, entry in app.conf.beat_schedule.items()
    }


def _is_nightly(entry: Mapping[str, Any]) -> bool:
    return not isinstance(entry["schedule"], float)


def _period(entry: Mapping[str, Any]) -> float:
    """Seconds from one run to the next."""
    return NIGHTLY_S if _is_nightly(entry) else float(entry["schedule"])


def _attempt(task: Task[[], object]) -> None:
    """As a worker of Celery runs it, its signals among it: `orbit.celery` looks after broken connections at them."""
    try:
        task.apply(throw=True)
    except Exception as error:
        logger.warning("a task failed and is tried again: %s", type(error).__name__)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", required=True)
    parser.add_argument("--longest-s", type=float, default=3600, help="between two runs of any task")
    options = parser.parse_args()
    assert threading.active_count() == 1, "a fork takes no threads along"
    app.loader.import_default_modules()  # every app's tasks
    sys.argv = ["orbit.launcher.web", "--fd", options.fd, "--drain-s", "1"]
    writer, sender = partial(write_forever, options.longest_s), partial(call_command, "sinks", "run")
    Zygote({"web": web.main, "writer": writer, "sender": sender}).live()


if __name__ == "__main__":
    main()
