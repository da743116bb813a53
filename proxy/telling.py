"""A web worker puts what it counted on the shelf, every few seconds and when it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from orbit.lib.metrics import Place
from orbit.lib.traces import counts
from proxy.measures import IN_FLIGHT, LOOP_DELAY, UNSETTLED, Measures
from proxy.settlement import Settler

logger = logging.getLogger(__name__)

EVERY_S = 5.0
TICK_S = 0.25  # between two looks at how late the loop wakes up


@dataclass
class Telling:
    place: Place
    measures: Measures
    settler: Settler
    delay_s: float = 0.0
    told_at: float = field(default_factory=time.monotonic)
    rested_at: float = float("inf")  # nothing is late before the first look

    def content(self) -> bytes:
        """As of now; for the thread of the event loop."""
        book = self.measures.book
        calls = [one for leases in self.settler.open.values() for one in leases.values()]
        over = sum(one.over for one in calls)
        book.set(IN_FLIGHT, (), len(calls) - over)
        book.set(UNSETTLED, (), over)
        book.set(LOOP_DELAY, (), self.delay_s)
        if self.settler.tracer is not None:
            counts.tell(book, self.settler.tracer.exporter)
        return self.place.content(book)

    async def look(self) -> None:
        """To be called TICK_S after its last end."""
        now = time.monotonic()
        self.delay_s = max(self.delay_s, now - self.rested_at - TICK_S)
        try:
            if now - self.told_at >= EVERY_S:
                self.told_at = now
                await self.now()
                self.delay_s = 0.0
        finally:
            self.rested_at = time.monotonic()

    async def now(self) -> None:
        await asyncio.to_thread(self.place.put, self.content())

    def close(self) -> None:
        """The last word. A full disk keeps nothing else of an end from happening."""
        self.delay_s = 0.0
        try:
            self.place.put(self.content())
        except OSError as error:
            logger.warning("the last figures of this worker are lost: %s", error)
        self.place.close()
