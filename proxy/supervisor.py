"""Tasks that outlive the client's connection: provider calls, settlements, renewals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

SETTLE_S = 10  # for what was told to stop; the first count of tokens in a process takes a moment


async def forever(work: Callable[[], Awaitable[None]], every_s: float, name: str) -> None:
    """A chore of the worker, until it is cancelled. What fails is logged and done again: nothing ends the chore itself."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except Exception:
            logger.exception("chore %r failed, and is done again", name)


class Supervisor:
    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.draining: asyncio.Task[None] | None = None

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("task %s failed", task.get_name(), exc_info=error)

    def begin_drain(self, seconds: float) -> None:
        """Takes nothing new from now on, and starts to drain."""
        if not self.stopping:
            self.stopping = True
            self.draining = asyncio.create_task(self._drain(seconds), name="drain")

    async def drained(self, seconds: float) -> None:
        """Waits until all work has ended and settled."""
        self.begin_drain(seconds)
        assert self.draining is not None
        await self.draining

    async def _drain(self, seconds: float) -> None:
        """Lets running work end; what is still there after `seconds` is told to stop and settles."""
        until = asyncio.get_running_loop().time() + seconds
        while self.tasks and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self.tasks, timeout=left)  # what ends may have begun more
        for task in list(self.tasks):
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=SETTLE_S)
