"""The faults that were asked for at a place in a stream."""

import asyncio
from collections.abc import Awaitable, Callable

from .exchange import Exchange


class PlannedFaults:
    """`points` are the numbers of the content chunks before which something happens.

    `break_off` ends the stream as for an error, in the way of its format.
    """

    def __init__(self, exchange: Exchange, break_off: Callable[[], Awaitable[None]]) -> None:
        asked = exchange.behaviour
        self._exchange = exchange
        self._planned: list[tuple[int | None, Callable[[], Awaitable[None]]]] = [
            (asked.kill_peer_after_chunks, exchange.kill_peer),
            (asked.stall_after_chunks, self._stall),
            (asked.error_after_chunks, break_off),
            (asked.cut_after_chunks, exchange.wire.cut),
            (asked.fin_after_chunks, exchange.wire.close),
        ]
        self.points = frozenset(point for point, _ in self._planned if point is not None)

    async def happen(self) -> None:
        """Those due at this chunk."""
        sent = self._exchange.record.chunks
        for point, fault in self._planned:
            if point == sent:
                await fault()

    async def happen_late(self) -> None:
        """The stream was shorter than their place, so all the rest."""
        sent = self._exchange.record.chunks
        for point, fault in self._planned:
            if point is not None and point >= sent:
                await fault()

    async def _stall(self) -> None:
        await asyncio.sleep(self._exchange.behaviour.stall_s)
