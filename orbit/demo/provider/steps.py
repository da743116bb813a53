"""Streams of named events: one step after another at its pace, with the faults that were asked for."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .connection import PeerGone
from .events import EventFormat
from .exchange import Exchange
from .planned_faults import PlannedFaults

Event = tuple[bytes, bytes]
"""Its name, empty for none, and its payload."""


@dataclass(frozen=True, slots=True)
class Step:
    """`tokens` are made as it is sent, `unseen` before anything of it is; only content is paced and counted.

    `unseen_pace`: how much of the usual time an unseen token takes.
    """

    events: list[Event] = field(default_factory=list)
    tokens: int = 0
    unseen: int = 0
    unseen_pace: float = 1
    is_reasoning: bool = False
    is_content: bool = False


class StepStream:
    """`errors` makes the events that end the stream when an error was asked for."""

    def __init__(self, exchange: Exchange, errors: Callable[[], list[Event]]) -> None:
        self._exchange = exchange
        self._errors = errors
        self._behaviour = exchange.behaviour
        self._record = exchange.record
        self._wire = exchange.wire
        self._chunked = exchange.request.is_http_1_1
        self._format = EventFormat(self._behaviour, chunked=self._chunked)
        self._waiting: list[bytes] = []
        self._writes_waiting = 0
        self._due = 0.0

    async def begin(self, content_type: str = "text/event-stream; charset=utf-8") -> None:
        await asyncio.sleep(self._exchange.pace.first_s)
        head = self._exchange.head(200, content_type, chunked=self._chunked)
        await self._wire.send(head + self._preamble())
        self._due = asyncio.get_running_loop().time()

    def add(self, events: list[Event]) -> None:
        """Leaves with the next write."""
        self._waiting += [self._framed(event) for event in events]

    async def flush(self) -> None:
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._writes_waiting = 0
            await self._wire.send(data)

    async def play(self, steps: Iterable[Step], *, is_all: bool = True) -> None:
        """`is_all`: no steps follow, so a fault placed after the end is due."""
        faults = PlannedFaults(self._exchange, self._break_off)
        for step in steps:
            if step.unseen:
                await self._make_unseen(step)
            if not step.is_content:
                self.add(step.events)
                continue
            await self._before_content(faults)
            self._record.completion_tokens += step.tokens
            self._record.chunks += 1
            self.add(step.events)
            await self._write_at_pace()
        await self.flush()
        if is_all:
            await faults.happen_late()

    async def pause(self) -> None:
        """Between the last content and what follows it, if asked."""
        if self._behaviour.usage_after_ms:
            await self.flush()
            await asyncio.sleep(self._behaviour.usage_after_ms / 1000)

    async def end(self, events: list[Event], *, extra: list[Event] | None = None) -> None:
        """`no_done` leaves the last events out, `after_done` sends something after them."""
        self.add([] if self._behaviour.no_done else events)
        self.add((extra or []) if self._behaviour.after_done else [])
        self._waiting.append(self._format.end)
        await self.flush()
        if not self._chunked:
            self._exchange.connection.finish()

    def _preamble(self) -> bytes:
        return self._format.raw(b"\xef\xbb\xbf") if self._behaviour.bom else b""

    def _framed(self, event: Event) -> bytes:
        name, payload = event
        return self._format.event(payload, name=name)

    def _before_first(self) -> list[bytes]:
        size = self._behaviour.long_line
        return [] if size is None else [self._format.long_comment(size)]

    async def _make_unseen(self, step: Step) -> None:
        record = self._record
        before = record.completion_tokens

        def made(count: int) -> None:
            record.completion_tokens = before + count
            if step.is_reasoning:
                record.reasoning_tokens = count

        await self.flush()
        seconds = step.unseen * step.unseen_pace * self._exchange.pace.per_token_s
        await self._exchange.work_unseen(step.unseen, seconds, made)
        self._due = asyncio.get_running_loop().time()

    async def _before_content(self, faults: PlannedFaults) -> None:
        if not self._record.chunks:
            self._waiting += self._before_first()
        if self._record.chunks in faults.points:
            await self.flush()
            await faults.happen()
        if self._exchange.connection.gone:
            raise PeerGone  # nothing is charged that cannot be handed over

    async def _write_at_pace(self) -> None:
        self._writes_waiting += 1
        together = self._behaviour.chunks_per_write
        if self._writes_waiting < together:
            return
        await self.flush()
        pace_s = self._exchange.pace.per_chunk_s
        self._due += pace_s * together
        # Sleeping even for nothing lets the write leave on its own, as one read at the other end.
        late = self._due - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, late) if pace_s else 0)

    async def _break_off(self) -> None:
        self.add(self._errors())
        self._waiting.append(self._format.end)
        await self.flush()
        self._record.note = "error event sent"
        await self._wire.close()


class RawStream(StepStream):
    """Bytes that are no events: they have no comments, and nothing but a broken connection tells of an error."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange, list)

    def _preamble(self) -> bytes:
        return b""

    def _framed(self, event: Event) -> bytes:
        _, data = event
        return self._format.raw(data) if data else b""

    def _before_first(self) -> list[bytes]:
        return []

    async def _break_off(self) -> None:
        await self.flush()
        self._record.note = "connection cut for an error"
        await self._wire.cut()
