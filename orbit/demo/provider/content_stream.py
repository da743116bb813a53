"""The part of a stream that is paid for: content chunks at their pace, with the faults due between them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from .connection import PeerGone
from .exchange import Exchange

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
        faults = self._fault_points()
        together = self._behaviour.chunks_per_write
        loop = asyncio.get_running_loop()
        due = loop.time()
        waiting: list[bytes] = []
        for delta, tokens in deltas:
            if record.chunks in faults:
                await wire.send(b"".join(waiting))
                waiting.clear()
                await self._misbehave()
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
        if any(point >= record.chunks for point in faults):
            await self._misbehave(late=True)

    def _fault_points(self) -> frozenset[int]:
        asked = self._behaviour
        points = (
            asked.kill_peer_after_chunks,
            asked.stall_after_chunks,
            asked.error_after_chunks,
            asked.cut_after_chunks,
            asked.fin_after_chunks,
        )
        return frozenset(point for point in points if point is not None)

    async def _misbehave(self, *, late: bool = False) -> None:
        """Faults due at this chunk; `late`: the stream was shorter than the fault's place, so all the rest."""
        asked, sent = self._behaviour, self._record.chunks

        def due(point: int | None) -> bool:
            return point is not None and (point >= sent if late else point == sent)

        if due(asked.kill_peer_after_chunks):
            await self._exchange.kill_peer()
        if due(asked.stall_after_chunks):
            await asyncio.sleep(asked.stall_s)
        if due(asked.error_after_chunks):
            await self._send_error()
            self._record.note = "error event sent"
            await self._wire.close()
        if due(asked.cut_after_chunks):
            await self._wire.cut()
        if due(asked.fin_after_chunks):
            await self._wire.close()
