"""The clients: `python -m bench.load` reads a job from standard input and writes what it saw as JSON.

A process of its own on bare sockets, so that it costs little and its pauses are not the gateway's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import httptools
import uvloop

PATIENCE_S = 60


class BadAnswer(RuntimeError):
    """An answer that a benchmark must not count."""


@dataclass(frozen=True)
class Target:
    name: str
    port: int
    request: str  # head and body, as sent


@dataclass(frozen=True)
class Job:
    """Either as much as `concurrency` clients can in `seconds`, or `count` calls of each target in turn."""

    targets: list[Target]
    concurrency: int = 1
    seconds: float = 0
    count: int = 0
    pause_s: float = 0
    chunks: int = 0  # events with content that each stream must bring; 0 for plain answers


@dataclass
class Seen:
    """What one target's clients saw; times in milliseconds."""

    elapsed_s: float = 0
    total_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)  # until the first byte of the body
    pieces: int = 0  # in how many pieces the bodies came

    def take(self, answer: Answer) -> None:
        self.total_ms.append((answer.ended - answer.started) * 1000)
        self.first_ms.append((answer.first - answer.started) * 1000)
        self.pieces += len(answer.pieces)


@dataclass
class Answer:
    started: float
    first: float = 0
    ended: float = 0
    status: int = 0
    pieces: list[bytes] = field(default_factory=list)

    def check(self, chunks: int) -> None:
        body = b"".join(self.pieces)
        whole = body.endswith(b"data: [DONE]\n\n") and body.count(b"\n\n") > chunks if chunks else True
        if self.status != 200 or not whole:
            raise BadAnswer(f"status {self.status}, {len(body)} bytes: {body[-400:]!r}")


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self.answer = Answer(0)
        self.waiter: asyncio.Future[Answer] | None = None
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        assert self.transport is not None
        self.waiter = asyncio.get_running_loop().create_future()
        self.answer = Answer(time.perf_counter())
        self.transport.write(request)
        return self.waiter

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        if not self.answer.pieces:
            self.answer.first = time.perf_counter()
        self.answer.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.answer.ended = time.perf_counter()
        self.answer.status = self.parser.get_status_code()
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(self.answer)
        self.parser = httptools.HttpResponseParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(BadAnswer("the connection was closed"))


async def _connect(target: Target) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", target.port)
    return connection


async def _flood(job: Job) -> dict[str, Seen]:
    (target,) = job.targets
    request, seen = target.request.encode(), Seen()
    connections = [await _connect(target) for _ in range(job.concurrency)]
    started = time.perf_counter()

    async def client(connection: Connection) -> None:
        while time.perf_counter() - started < job.seconds:
            answer = await asyncio.wait_for(connection.ask(request), PATIENCE_S)
            answer.check(job.chunks)
            seen.take(answer)

    await asyncio.gather(*map(client, connections))
    seen.elapsed_s = time.perf_counter() - started
    return {target.name: seen}


async def _in_turn(job: Job) -> dict[str, Seen]:
    """The targets alternate, so that what else the machine does meets all of them alike."""
    found = {target.name: Seen() for target in job.targets}
    connections = [(target, await _connect(target)) for target in job.targets]
    for _ in range(job.count):
        for target, connection in connections:
            answer = await asyncio.wait_for(connection.ask(target.request.encode()), PATIENCE_S)
            answer.check(job.chunks)
            found[target.name].take(answer)
            await asyncio.sleep(job.pause_s)
    return found


def main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    given["targets"] = [Target(**one) for one in given["targets"]]
    job = Job(**given)
    work = _flood(job) if job.seconds else _in_turn(job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(work)
    json.dump({name: asdict(one) for name, one in seen.items()}, sys.stdout)


if __name__ == "__main__":
    main()
