"""The workers and their queue, behind a unix socket: `python -m dlp.names.pool --socket PATH --workers N --queue N`.

A light process without a model: it takes questions from all web processes, lets a bounded number wait, hands each to the
next free worker, turn by turn among organizations, and starts workers that ended anew. What cannot wait is refused at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from dlp.names import wire
from dlp.names.wire import Reason

WORKER = (sys.executable, "-m", "dlp.names.worker")
_GRACE_S = 2.0  # a window of the model may be under way when the time is up
_START_S = 60.0
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 30.0
_TELLING = 100  # characters of a question, by whose time that of others is told
_WEIGHT = 0.1
_STEADY_S = 10.0  # a worker that lived this long starts again at once


@dataclass(eq=False)
class Job:
    number: Any  # the client's own
    who: str
    texts: list[str]
    until: float  # of time.monotonic()
    client: Client
    size: int = field(init=False)  # characters

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.texts))

    def answer(self, said: dict[str, Any]) -> None:
        self.client.answer(self.number, said)

    def refuse(self, reason: Reason) -> None:
        self.answer({"unavailable": reason})


class Client:
    """One web process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.gone = False

    async def serve(self, queue: Queue) -> None:
        try:
            while True:
                queue.put(self._job(await wire.read(self._reader)))
        except (EOFError, OSError, wire.BadFrame):
            pass
        finally:
            self.gone = True
            self._writer.close()

    def _job(self, question: dict[str, Any]) -> Job:
        try:
            number, who, texts, deadline_ms = (
                question[name] for name in ("id", "who", "texts", "deadline_ms")
            )
            return Job(number, str(who), list(texts), time.monotonic() + deadline_ms / 1000, self)
        except (KeyError, TypeError):
            raise wire.BadFrame from None

    def answer(self, number: Any, said: dict[str, Any]) -> None:
        if not self.gone:
            self._writer.write(wire.packed({**said, "id": number}))


class Queue:
    """Each organization has its own line; they take turns, and within one it is first come, first served. When all is full,
    the last of the longest line gives way to one that waits less. What would be late is not let wait: its time at a worker
    would be lost to those that can be answered."""

    def __init__(self, limit: int, workers: int = 1) -> None:
        self._limit = limit
        self._workers = workers
        self._s_of_a_sign = 0.0  # that a worker takes, of late
        self._lines: OrderedDict[str, deque[Job]] = OrderedDict()  # none is empty; the first is the next
        self._count = 0
        self._arrived = asyncio.Event()
        self.free = 0  # workers that wait for a question

    def put(self, job: Job) -> None:
        if not self._is_in_time(job) or (
            self._count >= self._limit + self.free and not self._makes_room(job)
        ):
            job.refuse(Reason.FULL)
            return
        self._lines.setdefault(job.who, deque()).append(job)
        self._count += 1
        self._arrived.set()

    def put_back(self, job: Job) -> None:
        self._lines.setdefault(job.who, deque()).appendleft(job)
        self._lines.move_to_end(job.who, last=False)
        self._count += 1
        self._arrived.set()

    async def get(self) -> Job:
        """The next one for which there is somebody to answer to, and time."""
        self.free += 1
        try:
            while True:
                while self._lines:
                    job = self._next()
                    if job.client.gone:
                        continue
                    if job.until > time.monotonic():
                        return job
                    job.refuse(Reason.LATE)
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self.free -= 1

    def took(self, job: Job, seconds: float) -> None:
        """What a worker took for it."""
        if job.size >= _TELLING:
            known, new = self._s_of_a_sign, seconds / job.size
            self._s_of_a_sign = known + (new - known) * _WEIGHT if known else new

    def _is_in_time(self, job: Job) -> bool:
        """By how long those take whose turn comes before its own, and itself."""
        turns = len(self._lines.get(job.who, ())) + 1
        signs = sum(one.size for line in self._lines.values() for one in islice(line, turns))
        expected_s = (signs / self._workers + job.size) * self._s_of_a_sign
        return expected_s <= max(0.0, job.until - time.monotonic())

    def _next(self) -> Job:
        who, line = next(iter(self._lines.items()))
        job = line.popleft()
        self._count -= 1
        if line:
            self._lines.move_to_end(who)
        else:
            del self._lines[who]
        return job

    def _makes_room(self, job: Job) -> bool:
        longest = max(self._lines.values(), key=len, default=None)
        if longest is None or len(longest) <= len(self._lines.get(job.who, ())) + 1:
            return False
        longest.pop().refuse(Reason.FULL)
        self._count -= 1
        return True


class Worker:
    """Keeps one process, and asks it one question at a time."""

    def __init__(self, argv: Sequence[str], queue: Queue) -> None:
        self._argv = argv
        self._queue = queue

    async def run(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while True:
            began = time.monotonic()
            await self._live()
            lived_s = time.monotonic() - began
            backoff_s = _FIRST_BACKOFF_S if lived_s > _STEADY_S else min(backoff_s * 2, _LONGEST_BACKOFF_S)
            _say(f"a worker ended after {lived_s:.1f} s; another one starts in {backoff_s:.1f} s")
            await asyncio.sleep(backoff_s)

    async def _live(self) -> None:
        """Until the process ends, which is made sure of."""
        process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            await self._work(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _work(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_S):
                await wire.read(process.stdout)
        except (EOFError, OSError, TimeoutError, wire.BadFrame):
            return
        ended = asyncio.create_task(process.wait(), name="worker's end")
        try:
            while not ended.done():
                await self._next(process, ended)
        finally:
            ended.cancel()

    async def _next(self, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        """One question, unless the process ends while there is none."""
        getting = asyncio.create_task(self._queue.get(), name="next question")
        try:
            await asyncio.wait((getting, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not getting.done():
                getting.cancel()
        if not getting.done():
            return
        job = getting.result()
        if ended.done():
            self._queue.put_back(job)
        else:
            began = time.monotonic()
            said = await _asked(process, job)
            if said is not None and "found" in said:
                self._queue.took(job, time.monotonic() - began)
            if said is None:
                job.refuse(Reason.FAILED)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await ended
            else:
                job.answer(said)


async def _asked(process: asyncio.subprocess.Process, job: Job) -> dict[str, Any] | None:
    """None when the process ended over it, or hangs."""
    assert process.stdin is not None
    assert process.stdout is not None
    left_s = job.until - time.monotonic()
    question = {"texts": job.texts, "deadline_ms": max(0, round(left_s * 1000))}
    try:
        async with asyncio.timeout(left_s + _GRACE_S):
            process.stdin.write(wire.packed(question))
            await process.stdin.drain()
            return await wire.read(process.stdout)
    except (EOFError, OSError, TimeoutError, wire.BadFrame):
        return None


async def run(path: Path, workers: int, limit: int, argv: Sequence[str] = WORKER) -> None:
    """Until cancelled. `limit` questions may wait beyond those that workers are at."""
    queue = Queue(limit, workers)
    serving: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(Client(reader, writer).serve(queue), name="web process")
        serving.add(task)
        task.add_done_callback(serving.discard)

    with _listening(path) as listening:
        server = await asyncio.start_unix_server(connected, sock=listening, limit=1 << 20)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(workers):
                    group.create_task(Worker(argv, queue).run(), name=f"worker {number}")
        finally:
            server.close()
            for task in serving:
                task.cancel()


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """Nobody else can connect at any moment: the socket has its mode from the start."""
    path.unlink(missing_ok=True)  # what a killed one left
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    try:
        yield listening
    finally:
        listening.close()
        path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dlp.names.pool")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--queue", type=int, required=True)
    options = parser.parse_args()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_stopped(options.socket, options.workers, options.queue))


async def _until_stopped(path: Path, workers: int, limit: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await run(path, workers, limit)


def _say(text: str) -> None:
    sys.stderr.write(f"INFO {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
