"""Clients by number: `python -m faults.volley` reads a job from standard input and writes what it saw as JSON.

A process of its own on bare sockets, so that it costs little and its pauses are not the gateway's.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter as Tally
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import IO, Any, cast

import httptools
import uvloop

from orbit.launcher.state import PROJECT

PATIENCE_S = 60.0
NUMBER = "@@"  # in a path or body: a number that no other request of the job has
CODE = re.compile(rb'"code": ?"(\w+)"')
UNUSED_S = 30.0
ENDED_S = 180.0  # after a job's time its process has ended, whatever it met
REST_S = 0.2  # after a connection that could not be made or that broke


@dataclass(frozen=True)
class Shot:
    """A request. `key` goes into its `authorization`."""

    path: str
    key: str
    body: str = ""
    method: str = "POST"

    def wire(self, number: int) -> bytes:
        path, body = (one.replace(NUMBER, f"{number:x}") for one in (self.path, self.body))
        head = (
            f"{self.method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body.encode())}\r\n\r\n"
        )
        return (head + body).encode()


@dataclass(frozen=True)
class Job:
    """With a `rate`, so many calls a second at moments of chance, whatever becomes of those before; else `connections` of
    which each asks as soon as it has its answer. Below zero in `niceness` it goes before others, where it may."""

    port: int
    shots: list[Shot]  # in turn
    seconds: float
    connections: int = 0
    rate: float = 0.0
    seed: int = 0
    niceness: int = 0


@dataclass
class Saw:
    """`ended`: how many calls ended in which way, as `status` or `status code`; `lost` without an answer. `total_ms` from when
    a call was due until its answer was whole, of those with 200; `late_ms` how much after that it was sent."""

    ended: dict[str, int] = field(default_factory=dict)
    total_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    def of(self, *begins: str) -> int:
        """How many ended in one of these ways."""
        return sum(count for how, count in self.ended.items() if how.startswith(begins))


class Line(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[str] | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.used = 0.0

    @property
    def open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes) -> asyncio.Future[str]:
        """How it ended; `lost` should the connection end first."""
        assert self.transport is not None
        self.waiter = asyncio.get_running_loop().create_future()
        self.body = b""
        self.transport.write(request)
        return self.waiter

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        if len(self.body) < 2000:
            self.body += piece

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        keeps = self.parser.should_keep_alive()
        self.parser = httptools.HttpResponseParser(self)
        if not keeps and self.transport is not None:
            self.transport.close()
        code = CODE.search(self.body) if status >= 400 else None
        self._end(f"{status} {code[1].decode()}" if code else str(status))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("lost")

    def _end(self, how: str) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(how)


class Volley:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.saw = Saw()
        self.ended: Tally[str] = Tally()
        self.idle: list[Line] = []
        self.number = 0

    async def run(self) -> Saw:
        began = time.monotonic()
        await (self._at_rate(began) if self.job.rate else self._at_once(began))
        self.saw.elapsed_s, self.saw.ended = time.monotonic() - began, dict(self.ended)
        return self.saw

    async def _at_rate(self, began: float) -> None:
        chance = random.Random(self.job.seed)  # noqa: S311 - to repeat, not to hide
        due, running = began, set[asyncio.Task[None]]()
        while (due := due + chance.expovariate(self.job.rate)) < began + self.job.seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._call(due))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)

    async def _at_once(self, began: float) -> None:
        """What is still open at the end is broken off, and not counted."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self.job.seconds):
                await asyncio.gather(*(self._again() for _ in range(self.job.connections)))

    async def _again(self) -> None:
        while True:
            await self._call(time.monotonic())

    async def _call(self, due: float) -> None:
        try:
            line = await self._line()
        except OSError:
            self.ended["lost"] += 1
            await asyncio.sleep(REST_S)
            return
        self.number += 1
        shot = self.job.shots[self.number % len(self.job.shots)]
        sent = time.monotonic()
        how = await _within(line.ask(shot.wire(self.number)))
        self.ended[how] += 1
        if how == "200":
            self.saw.total_ms.append(round((time.monotonic() - due) * 1000, 2))
            self.saw.late_ms.append(round((sent - due) * 1000, 2))
        if line.open and how != "no answer":
            line.used = time.monotonic()
            self.idle.append(line)
        elif line.transport is not None:
            line.transport.close()
            if how == "lost":
                await asyncio.sleep(REST_S)

    async def _line(self) -> Line:
        """The one used last, which the server will not close just now; else a new one."""
        while self.idle:
            line = self.idle.pop()
            if line.open and time.monotonic() - line.used < UNUSED_S:
                return line
            if line.transport is not None:
                line.transport.close()
        _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", self.job.port)
        return line


async def _within(answer: asyncio.Future[str]) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):  # wait_for of Python 3.11 may swallow that we are told to end
            return await answer
    except TimeoutError:
        return "no answer"


class Fired:
    """A job on its way, in its own process. `module` is what takes it."""

    def __init__(self, job: Any, module: str = "faults.volley") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.longest_s = job.seconds + ENDED_S
        stdin = cast("IO[bytes]", self.process.stdin)
        stdin.write(json.dumps(asdict(job)).encode())
        stdin.close()
        self.process.stdin = None  # `communicate` would write to it

    def told(self) -> dict[str, Any]:
        """What it saw, when it is over."""
        try:
            content, _ = self.process.communicate(timeout=self.longest_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise RuntimeError(f"a process of clients had not ended after {self.longest_s:.0f} s") from None
        if self.process.returncode != 0:
            raise RuntimeError("a process of clients broke off; it said why on standard error")
        told: dict[str, Any] = json.loads(content)
        return told


def fire(jobs: Sequence[Job]) -> list[Saw]:
    """All at once."""
    fired = [Fired(job) for job in jobs]
    return [Saw(**one.told()) for one in fired]


def be_nice(niceness: int) -> None:
    """Below zero only root may."""
    with suppress(PermissionError):
        os.nice(niceness)


def main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    job = Job(**{**given, "shots": [Shot(**one) for one in given["shots"]]})
    be_nice(job.niceness)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        saw = runner.run(Volley(job).run())
    json.dump(asdict(saw), sys.stdout)


if __name__ == "__main__":
    main()
