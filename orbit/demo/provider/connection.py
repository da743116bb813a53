"""HTTP/1.1 by hand: exact control of what bytes leave, when, and how a connection ends."""

import asyncio
import socket
import struct
import sys
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

import httptools

Handler = Callable[["Connection", "Request"], Coroutine[Any, Any, None] | None]

_LARGEST_BODY = 64 * 1024 * 1024
# of an answer that the kernel keeps, and doubles, before the model has to wait for its reader
_UNSENT = 64 * 1024


class PeerGone(Exception):
    """The client left between two writes."""


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    keep_alive: bool
    is_http_1_1: bool

    def header(self, name: bytes) -> str:
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return ""


class Connection(asyncio.Protocol):
    """One client connection. The handler answers at once and returns None, or returns a coroutine to run."""

    def __init__(self, handler: Handler, open_connections: set["Connection"]) -> None:
        self._handler = handler
        self._open_connections = open_connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._current_keeps_alive = True
        self._writable: asyncio.Event | None = None
        self.task: asyncio.Task[None] | None = None
        self.gone = False
        self.peer: tuple[str, int] = ("", 0)
        self.local: tuple[str, int] = ("", 0)

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._open_connections.add(self)
        self.peer = transport.get_extra_info("peername")[:2]
        self.local = transport.get_extra_info("sockname")[:2]
        self._socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self.gone:
                return
            self._transport.write(
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self._transport.close()

    def eof_received(self) -> None:
        self.gone = True  # who hangs up half-way has hung up; the transport closes by itself

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._open_connections.discard(self)
        self._waiting.clear()
        if self.task:
            # Not at once: a task cancelled before its first step runs no `finally`, and the books stay open.
            self._loop.call_soon(self.task.cancel)

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self._writable:
            self._writable.set()
            self._writable = None

    # -- the parser's side

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body, self._body_bytes = b"", [], [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if len(name) == 6 and name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > _LARGEST_BODY:
            self.reset()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self.gone:
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            path=path,
            query=query,
            headers=self._headers,
            body=self._body[0] if len(self._body) == 1 else b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
            is_http_1_1=self._parser.get_http_version() == "1.1",
        )
        if self._busy:
            self._waiting.append(request)
        else:
            self._serve(request)

    # -- one request after another

    def _serve(self, request: Request) -> None:
        self._busy = True
        self._current_keeps_alive = request.keep_alive
        work = self._handler(self, request)
        if work is None:
            self._served()
        else:
            self.task = self._loop.create_task(work)
            self.task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.task = None
        if not task.cancelled() and (failure := task.exception()):
            traceback.print_exception(failure, file=sys.stderr)
            self.reset()
        elif not self.gone:
            self._served()

    def _served(self) -> None:
        self._busy = False
        if not self._current_keeps_alive:
            self._transport.close()
        elif self._waiting:
            self._serve(self._waiting.popleft())

    # -- the handler's side

    def write(self, data: bytes) -> None:
        if self.gone:
            raise PeerGone
        self._transport.write(data)

    async def drained(self) -> None:
        """Waits while the client reads more slowly than we write."""
        if self._writable:
            await self._writable.wait()

    def finish(self) -> None:
        """Send what is written, then FIN."""
        self._current_keeps_alive = False
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def reset(self) -> None:
        """RST: whatever is still in the buffers is thrown away."""
        if self.gone:
            return
        self.gone = True
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _socket(self) -> socket.socket:
        found: socket.socket = self._transport.get_extra_info("socket")
        return found
