"""The pool as the launcher starts it, with a real worker and the model."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlp.names.client import Names
from orbit.launcher.names import NamesPool
from orbit.launcher.state import PROJECT
from tests.launcher.conftest import eventually


@pytest.fixture
def process(socket_path: Path) -> Iterator[subprocess.Popen[str]]:
    pool = NamesPool(workers=1, queue=4, socket=socket_path)
    pool.check()
    command = [sys.executable, *pool.arguments()]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as started:
        eventually(socket_path.exists)
        yield started
        started.kill()


async def test_it_answers_and_ends_quietly_when_it_is_told_to(
    process: subprocess.Popen[str], socket_path: Path
) -> None:
    names = Names(socket_path)
    said = await names.find(["Please ask Alex Rivera about it."], 60)
    assert isinstance(said, list)
    assert [(one.start, one.end, one.kind) for one in said[0]] == [(11, 22, "PERSON")]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)  # while a web process is still connected
    await names.close()
    assert (process.returncode, errors) == (0, "")
