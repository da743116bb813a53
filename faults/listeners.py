"""Clients that listen: `python -m faults.listeners` keeps so many streams open and writes as JSON how their chunks came.

The demo provider writes into each chunk when it sent it (`stamp`), by the clock that all processes of a machine share: what
is left until a chunk is here is the gateway's and ours, and how much ours can be at most is measured too.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import httptools
import uvloop

from faults.clients import Ask, chat
from faults.volley import CODE, be_nice

STAMP = re.compile(rb'"sent_us":(\d+)')
ASK_S = 0.02  # how often we look whether we are on time ourselves
STALL_MS = 250.0
PATIENCE_S = 60.0  # with a stream, beyond the time that its chunks take
COARSE_MS = 0.5


@dataclass(frozen=True)
class Job:
    """`streams` at a time, begun over `ramp_s`, each of `shortest_s` to `longest_s`, followed by another until `seconds` are over."""

    port: int
    key: str
    tag: str
    streams: int
    seconds: float
    pace_ms: int
    shortest_s: float
    longest_s: float
    ramp_s: float
    seed: int = 0
    niceness: int = 0
    model: str = "gpt-4o-mini"


@dataclass
class Heard:
    """Times in ms. `delays`: how many chunks came how long after they were sent, in steps of half a millisecond; `gaps_over`: how
    many came more than STALL_MS after the one before beyond what lay between them at the provider. `provider`: how late it was
    itself, against its own pace. `own`: how late we were, when nothing but ourselves could keep us."""

    ended: dict[str, int] = field(default_factory=dict)
    chunks: int = 0
    delays: dict[float, int] = field(default_factory=dict)
    stalls: int = 0
    gaps_over: int = 0
    asked: int = 0  # chunks of the streams that were whole
    worst_delay: float = 0.0
    provider_late: dict[float, int] = field(default_factory=dict)
    own_late: dict[float, int] = field(default_factory=dict)
    open_least: int = 0  # at any look between the ramp and the end
    open_most: int = 0


def coarse(ms: float) -> float:
    return round(ms / COARSE_MS) * COARSE_MS


class Stream(asyncio.Protocol):
    """One call on a connection of its own. It hears until its end, and says how that was."""

    def __init__(self, ask: Ask, books: Listeners) -> None:
        self.ask, self.books = ask, books
        self.parser = httptools.HttpResponseParser(self)
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.rest = b""
        self.tail = b""
        self.before: tuple[float, float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.ask.wire())

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        here = time.monotonic() * 1000
        self.tail = (self.tail + piece)[-200:]
        *whole, self.rest = (self.rest + piece).split(b"\n\n")
        for event in whole:
            if found := STAMP.search(event):
                self._chunk(int(found[1]) / 1000, here)

    def _chunk(self, sent: float, here: float) -> None:
        self.books.chunk(here - sent)
        if self.before is not None:
            self.books.between(sent - self.before[0], here - self.before[1])
        self.before = (sent, here)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        code = CODE.search(self.tail + self.rest)
        if status == 200 and self.tail.endswith(self.ask.last):
            self._end("whole")
        else:
            self._end(f"{status} {code[1].decode() if code else 'cut'}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("lost")

    def _end(self, how: str) -> None:
        if not self.done.done():
            self.done.set_result(how)
            self.transport.close()


class Listeners:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.heard = Heard()
        self.ended: Tally[str] = Tally()
        self.delays: Tally[float] = Tally()
        self.provider: Tally[float] = Tally()
        self.own: Tally[float] = Tally()
        self.open = 0
        self.number = 0
        self.chance = random.Random(job.seed)  # noqa: S311 - to repeat, not to hide

    def chunk(self, delay: float) -> None:
        self.heard.chunks += 1
        self.delays[coarse(delay)] += 1
        self.heard.stalls += delay > STALL_MS
        self.heard.worst_delay = max(self.heard.worst_delay, delay)

    def between(self, theirs: float, ours: float) -> None:
        self.heard.gaps_over += ours - theirs > STALL_MS
        self.provider[coarse(max(0.0, theirs - self.job.pace_ms))] += 1

    async def run(self) -> Heard:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.job.seconds
        look = loop.create_task(self._look(loop.time() + self.job.ramp_s, ends))
        await asyncio.gather(*(self._seat(number, ends) for number in range(self.job.streams)))
        look.cancel()
        self.heard.ended, self.heard.delays = dict(self.ended), dict(self.delays)
        self.heard.provider_late, self.heard.own_late = dict(self.provider), dict(self.own)
        return self.heard

    async def _seat(self, number: int, ends: float) -> None:
        """One stream after another; the last is as long as what is left."""
        await asyncio.sleep(self.job.ramp_s * number / self.job.streams)
        loop = asyncio.get_running_loop()
        while (left := ends - loop.time()) > 1:
            lasts_s = self.chance.uniform(self.job.shortest_s, self.job.longest_s)
            chunks = max(1, int(min(lasts_s, left) * 1000 / self.job.pace_ms))
            how = await self._one(chunks)
            self.ended[how] += 1
            if how != "whole":
                await asyncio.sleep(1)

    async def _one(self, chunks: int) -> str:
        self.number += 1
        said = chat(
            f"tokens={chunks} pace_ms={self.job.pace_ms} stamp",
            stream=True,
            max_tokens=chunks + 10,
            model=self.job.model,
        )
        ask = Ask(f"{self.job.tag}-{self.number}", said, self.job.key)
        loop = asyncio.get_running_loop()
        try:
            _, stream = await loop.create_connection(lambda: Stream(ask, self), "127.0.0.1", self.job.port)
        except OSError:
            return "no connection"
        self.open += 1
        try:
            async with asyncio.timeout(chunks * self.job.pace_ms / 1000 + PATIENCE_S):
                how = await stream.done
            if how == "whole":
                self.heard.asked += chunks
            return how
        except TimeoutError:
            stream.transport.close()
            return "no answer"
        finally:
            self.open -= 1

    async def _look(self, begins: float, ends: float) -> None:
        loop = asyncio.get_running_loop()
        least, due = None, loop.time()
        while True:
            due += ASK_S
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.own[coarse((loop.time() - due) * 1000)] += 1
            due = max(due, loop.time())
            if begins < loop.time() < ends - self.job.pace_ms / 500 - 1:
                least = self.open if least is None else min(least, self.open)
            self.heard.open_most = max(self.heard.open_most, self.open)
            self.heard.open_least = least or 0


def percentile(counts: dict[float, int], part: float) -> float:
    """Of values that were counted; 0 of none."""
    left = part * sum(counts.values())
    for value, count in _ordered(counts):
        left -= count
        if left <= 0:
            return value
    return 0.0


def _ordered(counts: dict[float, int]) -> Iterator[tuple[float, int]]:
    """JSON makes texts of the values."""
    yield from sorted((float(value), count) for value, count in counts.items())


def main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    job = Job(**given)
    be_nice(job.niceness)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        heard = runner.run(Listeners(job).run())
    json.dump(asdict(heard), sys.stdout)


if __name__ == "__main__":
    main()
