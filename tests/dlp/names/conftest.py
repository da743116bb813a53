from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from dlp.names import files, pool
from dlp.names.client import Names
from dlp.names.rampart import Rampart
from orbit.launcher.state import PROJECT

# A worker whose model knows one name, and does as a text asks.
_SCRIPT = """
import os, sys, time
sys.path.insert(0, {project!r})
from dlp.findings import Finding
from dlp.names.finder import Late
from dlp.names.worker import run

class Known:
    def find(self, text, late):
        if text == "die":
            os._exit(1)
        if text == "hang":
            time.sleep(60)
        if text == "pid":
            return [Finding(0, os.getpid(), "PID", 1.0, "")]
        while text == "slow":
            if late():
                raise Late
            time.sleep(0.01)
        at = text.find("Ada")
        return [Finding(at, at + 3, "PERSON", 0.9, "model.person")] if at >= 0 else []

run(Known())
"""

Start = Callable[..., AbstractAsyncContextManager[Names]]


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """Short, as a unix socket's path has to be."""
    with tempfile.TemporaryDirectory(prefix="orbit-") as folder:
        yield Path(folder, "names.sock")


@pytest.fixture
def started(socket_path: Path, tmp_path: Path) -> Start:
    script = tmp_path / "worker.py"
    script.write_text(_SCRIPT.format(project=str(PROJECT)))

    @asynccontextmanager
    async def start(workers: int = 1, limit: int = 8, argv: tuple[str, ...] = ()) -> AsyncIterator[Names]:
        given = argv or (sys.executable, str(script))
        task = asyncio.create_task(pool.run(socket_path, workers, limit, given))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # by then it listens
        names = Names(socket_path)
        try:
            yield names
        finally:
            await names.close()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return start


@pytest.fixture(scope="session")
def model() -> Rampart:
    return Rampart(files.folder())
