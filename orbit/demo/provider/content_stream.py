"""The part of a stream that is paid for: content chunks at their pace, with the faults due between them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from .connection import PeerGone
from .exchange import Exchange
from .planned_faults import PlannedFaults

Delta = TypeVar("Delta")


class ContentStream:
    """`send_error` writes the error that ends a stream in the vendor's format."""

    def __init__(self, exchange: Exchange, send_error: Callable[[], Awaitable[None]]) -> None:
        self._exchange = exchange
        self._behaviour = exchange.behaviour
        self._record = exchange.record
        self._wire = exchange.wire
        self._send_error = send_error

    async def send(self, deltas: Iterable[tuple[Delta, int]], render: Callable[[Delta], bytes]) -> None:
        """Each delta comes with the tokens in it, which are counted before it is rendered."""
        record, wire, pace_s = self._record, self._wire, self._exchange.pace.per_chunk_s
        faults = PlannedFaults(self._exchange, self._break_off)
        together = self._behaviour.chunks_per_write
        loop = asyncio.get_running_loop()
        due = loop.time()
        waiting: list[bytes] = []
        for delta, tokens in deltas:
            if record.chunks in faults.points:
                await wire.send(b"".join(waiting))
                waiting.clear()
                await faults.happen()
            if self._exchange.connection.gone:
                raise PeerGone  # nothing is charged that cannot be handed over
            record.completion_tokens += tokens
            record.chunks += 1
            waiting.append(render(delta))
            if len(waiting) < together:
                continue
            await wire.send(waiting[0] if together == 1 else b"".join(waiting))
            waiting.clear()
            due += pace_s * together
            # Sleeping even for nothing lets the write leave on its own, as one read at the other end.
            await asyncio.sleep(max(0.0, due - loop.time()) if pace_s else 0)
        await wire.send(b"".join(waiting))
        await faults.happen_late()

    async def _break_off(self) -> None:
        await self._send_error()
        self._record.note = "error event sent"
        await self._wire.close()
