from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orbit.launcher import state

Run = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A data folder that the servers' user can reach, which pytest's own is not for root."""
    made = Path(tempfile.mkdtemp(prefix="orbit-launcher-", dir="/var/tmp" if state.is_root() else None))
    yield state.make_data_dir(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def run_script() -> Iterator[Run]:
    """Runs a launcher's script in a process of its own, in which signals may be caught."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=state.PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return _state(pid) != "Z"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def eventually(claim: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def _state(pid: int) -> str:
    """A container's first process may leave zombies lying about; they run no more."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout.strip()[:1]
