"""The way to the store, which may lose chosen replies or suddenly lead to another server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.chaos import Chaos


class Road(Chaos):
    """The suite's proxy, with what only these scenarios need."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.replies_lost = 0
        self._loses: Callable[[bytes], bool] | None = None

    def lead_to(self, url: str) -> None:
        """Where new connections go; those that there are, are reset."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self.reset()

    def lose_replies(self, which: Callable[[bytes], bool] | None) -> None:
        """The reply to a piece for which `which` holds is lost with its connection; the piece itself arrives."""
        self._loses = which

    def _request(self, wire: Any, piece: bytes) -> bytes:
        if self._loses is not None and self._loses(piece):
            self.replies_lost += 1
            self._lose_next, self._end = True, "reset"
        return super()._request(wire, piece)


@contextmanager
def road(url: str, *, delay_s: float = 0) -> Iterator[Road]:
    proxy = Road(url)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    assert proxy.ready.wait(5)
    try:
        proxy.delay(delay_s)
        yield proxy
    finally:
        proxy.loop.call_soon_threadsafe(proxy.stopped.set)
        thread.join(5)
