"""A TCP proxy that misbehaves when told to: late, mute, gone, or losing an answer that was already given."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

End = Literal["silence", "reset"]


@contextmanager
def delayed(url: str, delay_s: float) -> Iterator[str]:
    """The same URL behind a proxy that holds every piece back by `delay_s`, in both directions."""
    with chaos(url) as proxy:
        proxy.delay(delay_s)
        yield proxy.url


@contextmanager
def chaos(url: str) -> Iterator[Chaos]:
    """A proxy in front of the URL's server; it runs in a thread of its own, so a test may be of any kind."""
    proxy = Chaos(url)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    assert proxy.ready.wait(5)
    try:
        yield proxy
    finally:
        proxy.loop.call_soon_threadsafe(proxy.stopped.set)
        thread.join(5)


@dataclass(eq=False)
class _Wire:
    """One client's connection and ours to the server."""

    writers: list[asyncio.StreamWriter]
    mute: bool = False

    def reset(self) -> None:
        for writer in self.writers:
            if (raw := writer.get_extra_info("socket")) is not None:
                with suppress(OSError):  # the other side was faster
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Chaos:
    """What is told holds when the method returns, for connections that are open and for later ones."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._parts = parts
        self._target = (parts.hostname, parts.port)
        self.port = 0
        self.accepted = 0
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.stopped = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay_s = 0.0
        self._replies_left: int | None = None  # bytes until the cut
        self._lose_next = False
        self._end: End = "silence"
        self._server: asyncio.Server | None = None
        self._wires: set[_Wire] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        netloc = self._parts.netloc.rpartition(":")[0]
        return urlunsplit(self._parts._replace(netloc=f"{netloc}:{self.port}"))

    @property
    def open(self) -> int:
        """Connections that clients have now."""
        return len(self._wires)

    # What can be told

    def delay(self, delay_s: float) -> None:
        """Holds every piece back, in both directions."""

        def act() -> None:
            self._delay_s = delay_s

        self._do(act)

    def black_hole(self) -> None:
        """Accepts, and passes nothing on: neither bytes nor ends of connections."""
        self._do(self._flowing.clear)

    def refuse(self) -> None:
        """As if the server's process had died: open connections are reset, new ones refused."""
        self._do(self._close_door)
        self.reset()

    def reset(self) -> None:
        """Resets the connections that are open."""

        def act() -> None:
            for wire in list(self._wires):
                wire.reset()

        self._do(act)

    def cut_replies(self, after_bytes: int, end: End = "silence") -> None:
        """Once, after so many more bytes of replies: that connection gets no more of them, or is reset."""

        def act() -> None:
            self._replies_left, self._end = after_bytes, end

        self._do(act)

    def lose_next_reply(self, end: End = "silence") -> None:
        """Once: the next request reaches the server, its reply is lost; `reset` comes when the server has answered."""

        def act() -> None:
            self._lose_next, self._end = True, end

        self._do(act)

    def heal(self) -> None:
        """All as it was. What a black hole held back goes on."""

        async def act() -> None:
            self._delay_s, self._replies_left, self._lose_next = 0.0, None, False
            self._flowing.set()
            if self._server is None:
                await self._open_door()

        asyncio.run_coroutine_threadsafe(act(), self.loop).result(5)

    def _do(self, act: Callable[[], None]) -> None:
        async def work() -> None:
            act()

        asyncio.run_coroutine_threadsafe(work(), self.loop).result(5)

    # How it works

    def run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        await self._open_door()
        self.ready.set()
        await self.stopped.wait()
        self._close_door()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for wire in list(self._wires):
            wire.reset()
        await asyncio.sleep(0.05)  # for the transports to be gone with their loop

    async def _open_door(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _close_door(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        wire = _Wire([writer])
        self._wires.add(wire)
        task = asyncio.create_task(self._relay(wire, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, wire: _Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._flowing.wait()
            there, back = await asyncio.open_connection(*self._target)
            wire.writers.append(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pipe(reader, back, lambda piece: self._request(wire, piece)))
                both.create_task(self._pipe(there, writer, lambda piece: self._reply(wire, piece)))
        except OSError:
            pass
        finally:
            self._wires.discard(wire)
            for one in wire.writers:
                one.transport.abort()

    async def _pipe(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, passed: Callable[[bytes], bytes]
    ) -> None:
        """Until one side ends; then the other does, too."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(pieces, sink, passed))
        try:
            while True:
                try:
                    piece = await source.read(65536)
                except OSError:
                    piece = b""
                pieces.put_nowait((self.loop.time() + self._delay_s, piece))
                if not piece:
                    break
            await writing
        finally:
            writing.cancel()

    async def _write(
        self,
        pieces: asyncio.Queue[tuple[float, bytes]],
        sink: asyncio.StreamWriter,
        passed: Callable[[bytes], bytes],
    ) -> None:
        while True:
            due, piece = await pieces.get()
            if (wait := due - self.loop.time()) > 0:
                await asyncio.sleep(wait)
            await self._flowing.wait()
            if not piece:
                sink.close()
                return
            if rest := passed(piece):
                sink.write(rest)

    def _request(self, wire: _Wire, piece: bytes) -> bytes:
        if self._lose_next:
            self._lose_next, wire.mute = False, True
        return piece

    def _reply(self, wire: _Wire, piece: bytes) -> bytes:
        """What of it the client gets."""
        if not wire.mute and self._replies_left is not None:
            kept, self._replies_left = piece[: self._replies_left], self._replies_left - len(piece)
            if self._replies_left > 0:
                return kept
            self._replies_left, wire.mute = None, True
            if self._end == "reset":
                self.loop.call_later(0.01, wire.reset)  # the bytes before it are on their way
            return kept
        if not wire.mute:
            return piece
        if self._end == "reset":
            wire.reset()
        return b""
