"""A TCP proxy before a store: late, silent, deaf on the way back, or suddenly leading somewhere else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PIECE = 65536


class Chaos:
    """Passes bytes on until told otherwise. Its methods may be called from any thread."""

    def __init__(self, url: str, delay_s: float) -> None:
        self._origin = _address(url)
        self._target = self._origin
        self._real_url = url
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        self._passable = asyncio.Event()
        self._passable.set()
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loses_reply: Callable[[bytes], bool] | None = None
        self.port = 0
        self.replies_lost = 0

    @property
    def url(self) -> str:
        return self._real_url.replace(f":{self._origin[1]}", f":{self.port}")

    def blackhole(self) -> None:
        """Accepts and takes what the buffers hold, and passes nothing on. What it holds arrives after `lift`."""
        self._do(self._passable.clear)

    def lift(self) -> None:
        self._do(self._passable.set)

    def cut(self) -> None:
        """Resets every connection that there is."""
        self._do(self._reset)

    def lead_to(self, url: str) -> None:
        """Where new connections go; those that there are, are reset."""
        self._target = _address(url)
        self.cut()

    def lose_replies(self, which: Callable[[bytes], bool] | None) -> None:
        """The reply to a piece for which `which` holds is lost with its connection; the piece itself arrives."""
        self._loses_reply = which

    def run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(ready))
        self._loop.close()

    def stop(self) -> None:
        self._do(self._stopped.set)

    def _do(self, act: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(act)

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopped.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._reset()
        await asyncio.sleep(0.05)  # for the transports to be gone with their loop

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        for task in (
            asyncio.create_task(self._ask(reader, back, writer)),
            asyncio.create_task(self._pass(there, writer)),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, asker: asyncio.StreamWriter
    ) -> None:
        """From the client to the store."""
        with suppress(OSError):
            while piece := await source.read(PIECE):
                await self._passable.wait()
                if self._loses_reply is not None and self._loses_reply(piece):
                    self.replies_lost += 1
                    sink.write(piece)
                    asker.transport.abort()
                    break
                self._later(sink.write, piece)
        await self._passable.wait()
        self._close(sink)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE):
                await self._passable.wait()
                self._later(sink.write, piece)
        await self._passable.wait()
        self._close(sink)

    def _later(self, act: Callable[[bytes], None], piece: bytes) -> None:
        if self._delay_s:
            self._loop.call_later(self._delay_s, act, piece)
        else:
            act(piece)

    def _close(self, sink: asyncio.StreamWriter) -> None:
        self._loop.call_later(self._delay_s, sink.close)
        self._loop.call_later(self._delay_s, self._writers.discard, sink)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@contextmanager
def chaos(url: str, *, delay_s: float = 0) -> Iterator[Chaos]:
    """A proxy before the server of `url` that holds every piece back by `delay_s`, in both directions."""
    proxy, ready = Chaos(url, delay_s), threading.Event()
    thread = threading.Thread(target=proxy.run, args=[ready], daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(5)
