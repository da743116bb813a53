"""A TCP proxy with a delay, for what only shows when the store is not next door."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def delayed(url: str, delay_s: float) -> Iterator[str]:
    """The same URL behind a proxy that holds every piece back by `delay_s`, in both directions."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    proxy = _Proxy(parts.hostname, parts.port, delay_s)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    proxy.ready.wait(5)
    try:
        yield url.replace(f":{parts.port}", f":{proxy.port}")
    finally:
        proxy.loop.call_soon_threadsafe(proxy.stopped.set)
        thread.join(5)


class _Proxy:
    def __init__(self, host: str, port: int, delay_s: float) -> None:
        self.target = (host, port)
        self.delay_s = delay_s
        self.ready = threading.Event()
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.stopped = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.writers: set[asyncio.StreamWriter] = set()

    def run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopped.wait()
        server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)  # for the transports to be gone with their loop

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.target)
        self.writers |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pipe(source, sink))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                self.loop.call_later(self.delay_s, sink.write, piece)
        except OSError:
            pass
        finally:
            self.loop.call_later(self.delay_s, sink.close)
