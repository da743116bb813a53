"""Spans leave in batches, by a thread: whoever ends one puts it into a queue and goes on.

The queue is bounded. What finds no room is dropped and counted; a collector that is away costs memory for so many
spans and no more.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from orbit.lib.traces.span import Span

logger = logging.getLogger(__name__)

BATCH = 256
EVERY_S = 1.0
TRIES = 4  # of one batch, those that the collector asks for aside
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0

Send = Callable[[bytes], bytes]  # the collector's answer


@dataclass
class NotTaken(Exception):
    """The collector did not take a batch. `lasting`: it never will."""

    why: str
    lasting: bool = False
    wait_s: float | None = None  # as it asks for

    def __str__(self) -> str:
        return self.why


@dataclass
class Exporter:
    """`exported`, `dropped` and `failed` are counts of spans since the start, for a metric."""

    send: Send
    hang_up: Callable[[], None]  # after the last batch
    resource: Mapping[str, str]
    most: int
    exported: int = 0
    dropped: int = 0  # for lack of room
    failed: int = 0  # refused by the collector, or given up
    waiting: deque[Span] = field(default_factory=deque)
    stopping: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    ends_at: float = float("inf")

    def __post_init__(self) -> None:
        self.encoding: Any = import_module("orbit.lib.traces.encoding")
        self.thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self.thread.start()

    def put(self, spans: Sequence[Span], *, spare: bool = False) -> None:
        """Never waits. Called by one thread. `spare`: half of the room is left to others."""
        if len(self.waiting) + len(spans) > (self.most // 2 if spare else self.most):
            self.dropped += len(spans)
            return
        self.waiting.extend(spans)
        if len(self.waiting) >= BATCH:
            self.wake.set()

    def close(self, seconds: float) -> None:
        """Sends what waits, as far as that can be done in so many seconds."""
        self.ends_at = time.monotonic() + seconds
        self.stopping.set()
        self.wake.set()
        self.thread.join(seconds + 1)

    def _run(self) -> None:
        while True:
            self.wake.wait(EVERY_S)
            self.wake.clear()
            while self.waiting:
                self._deliver([self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))])
            if self.stopping.is_set() and not self.waiting:
                self.hang_up()
                return

    def _deliver(self, spans: list[Span]) -> None:
        try:
            content = self.encoding.encoded(self.resource, spans)
            refused = min(len(spans), self._sent(content))
        except NotTaken as error:
            self.failed += len(spans)
            logger.warning("%d spans are lost: the collector %s", len(spans), error)
        except Exception:  # a fault of ours: the next batch may be better
            self.failed += len(spans)
            logger.exception("%d spans are lost", len(spans))
        else:
            self.exported += len(spans) - refused
            self.failed += refused

    def _sent(self, content: bytes) -> int:
        """How many were refused. Tried again as long as it may help."""
        wait_s = FIRST_WAIT_S
        for tried in range(1, TRIES + 1):
            try:
                return int(self.encoding.rejected(self.send(content)))
            except ValueError as error:
                raise NotTaken(f"answered with {error}", lasting=True) from None
            except NotTaken as error:
                pause_s = min(error.wait_s or wait_s * random.uniform(0.5, 1.0), LONGEST_WAIT_S)  # noqa: S311 - spreads load
                if error.lasting or tried == TRIES or time.monotonic() + pause_s > self.ends_at:
                    raise
                wait_s *= 2
                self._rest(pause_s)
        raise AssertionError

    def _rest(self, seconds: float) -> None:
        """Cut short where there is no time left for it."""
        if self.stopping.wait(seconds) and time.monotonic() < self.ends_at:
            time.sleep(min(0.1, max(0.0, self.ends_at - time.monotonic())))
