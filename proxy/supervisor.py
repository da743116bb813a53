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
    """`stopping`: this worker was told to end, what comes is still served. `over`: what came too late for that is refused."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.over = False
        self._ends_at = 0.0
        self._settled_by = 0.0

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
        """From now on work has `seconds` to end, that which begins meanwhile too; what is still there then is told to stop."""
        if not self.stopping:
            self.stopping = True
            loop = asyncio.get_running_loop()
            self._ends_at = loop.time() + seconds
            loop.call_at(self._ends_at, self._stop)

    async def drained(self, seconds: float) -> None:
        """Waits until all work has ended and settled. Call it when nothing can come any more."""
        self.begin_drain(seconds)
        loop = asyncio.get_running_loop()
        while self.tasks and not self.over and (left := self._ends_at - loop.time()) > 0:
            await asyncio.wait(self.tasks, timeout=left)  # what ends may have begun more
        self._stop()
        # Counted from when they were told: whoever called this late has waited for them already.
        while self.tasks and (left := self._settled_by - loop.time()) > 0:
            await asyncio.wait(self.tasks, timeout=left)

    def _stop(self) -> None:
        """Once: what settles because of it is not disturbed again."""
        if not self.over:
            self.over = True
            self._settled_by = asyncio.get_running_loop().time() + SETTLE_S
            for task in list(self.tasks):
                task.cancel()
