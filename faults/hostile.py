"""A provider on loopback that writes any bytes it is told to, and breaks in the ways that a network knows."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Script:
    """What is written, piece by piece, and what becomes of the connection: close, reset, keep or stall."""

    pieces: tuple[bytes, ...]
    end: str = "close"


def whole(body: bytes, status: bytes = b"200 OK", *headers: bytes) -> Script:
    """A proper answer, to be given on a connection that is kept."""
    lines = [
        b"HTTP/1.1 " + status,
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        *headers,
    ]
    return Script((b"\r\n".join([*lines, b"", body]),), "keep")


def streamed(pieces: list[bytes], end: str = "close") -> Script:
    """A stream that ends with its connection."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return Script((head, *pieces), end)


@dataclass
class Hostile:
    """`answer` makes a script of each request's head and body. `deaf` accepts connections and reads nothing."""

    answer: Callable[[bytes, bytes], Script]
    port: int = 0
    received: int = 0
    deaf: bool = False
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def refuse(self) -> None:
        """Nobody listens any more."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self.loop).result(5)

    def listen(self) -> None:
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(5)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, backlog=2048, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request. Whether the connection is kept for another."""
        if self.deaf:
            await asyncio.sleep(3600)
        head = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        body = await reader.readexactly(int(found[1])) if found else b""
        self.received += 1
        script = self.answer(head, body)
        for piece in script.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if script.end == "stall":
            await asyncio.sleep(3600)
        if script.end == "reset":
            connected: socket.socket = writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return script.end == "keep"

    def run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self._refuse())
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()


@contextmanager
def hostile(answer: Callable[[bytes, bytes], Script]) -> Iterator[Hostile]:
    made, ready = Hostile(answer), threading.Event()
    thread = threading.Thread(target=made.run, args=(ready,), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        made.loop.call_soon_threadsafe(made.loop.stop)
        thread.join(10)
