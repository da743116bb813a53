"""HTTP/1.1 to one provider, over asyncio with httptools' parser. The default client of `orbit.lib.egress`.

A general client costs more than the rest of a call together (docs/decisions/0003-upstream-client.md). This one
does what a provider call needs and nothing else: one request at a time on a kept-alive connection, the answer
piece by piece as it arrives, and the truth about how it ended. No redirects, proxies, cookies, decompression.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import cast

import httptools

from orbit.lib.exchange import Broken, Destination, NotConnected, TimedOut, Timeouts

UNREAD = 128 * 1024  # bytes of an answer that wait here before the provider is held back
KERNEL = 128 * 1024  # the same in the kernel, which doubles it
HEAD = 64 * 1024  # bytes of header names and values
LAST_WORDS_S = 0.25  # for the other side to notice that we hang up
LAST_WORDS = 4_000_000  # bytes that are read meanwhile
IDLE_S = 20.0  # an unused connection is closed after it; most servers keep theirs longer
IDLE = 100  # unused connections of one account and destination
TARGET = re.compile(r"[!-~]+")
KEEP_ALIVE = re.compile(r"timeout=(\d+)")


class Connection(asyncio.Protocol):
    """One connection, with what has arrived of the answer that is being read from it."""

    def __init__(self, idle_s: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.idle_s = idle_s
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.due = 0.0
        self.lost = False
        self.spare_until = 0.0
        self.begin()

    def begin(self) -> None:
        """Ready for the next exchange."""
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.head_size = 0
        self.pieces: list[bytes] = []
        self.size = 0
        self.headed = False
        self.done = False
        self.reusable = False
        self.held_back = False
        self.error: Exception | None = None

    # what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        connected = transport.get_extra_info("socket")
        if connected is not None:  # what a provider wrote and we have not read is charged all the same
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)

    def data_received(self, data: bytes) -> None:
        if self.done or self.spare_until:  # nobody asked for this
            self.fail(Broken("bytes after the answer"))
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Broken(f"not HTTP: {type(error).__name__}"))
            return
        if self.size > UNREAD and not self.held_back and self.transport is not None:
            self.held_back = True
            self.transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.headed and not self.done and exc is None and self._ends_with_connection():
            self.done = True
        elif not self.done and self.error is None:
            self.error = Broken("the connection ended before the answer did")
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._wake()

    def _ends_with_connection(self) -> bool:
        return b"content-length" not in self.headers and b"transfer-encoding" not in self.headers

    # what the parser tells

    def on_message_begin(self) -> None:
        if self.done:
            raise httptools.HttpParserError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head_size += len(name) + len(value)
        if self.head_size > HEAD:
            raise httptools.HttpParserError("the head is too long")
        if not self.headed:  # what follows the body is of no use to us
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status == 101:
            raise httptools.HttpParserError("switches protocols")
        if status >= 200:
            self.status, self.headed = status, True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)
        self.size += len(body)

    def on_message_complete(self) -> None:
        if self.headed:
            self.done = True
            self.reusable = self.parser.should_keep_alive()
        else:  # 100 Continue and its like: the answer is still to come
            self.headers.clear()

    # what the exchange asks

    async def head(self, first_byte_s: float) -> None:
        while not self.headed:
            if self.error is not None:
                raise self.error
            await self._more(first_byte_s)

    async def read(self) -> bytes:
        """The next piece as it arrives; b"" at the end."""
        while not self.pieces:
            if self.done:
                return b""
            if self.error is not None:
                raise self.error
            await self._more(self.idle_s)
        return self._taken()

    async def hang_up(self) -> AsyncIterator[bytes]:
        """Sends our FIN and reads to the other side's, so that what it made until it noticed is known.

        Only for a moment: the other side may not care. TLS has no such half-close; there it is what lies here.
        """
        assert self.transport is not None
        if self.lost or self.done or not self.transport.can_write_eof():
            yield self._taken()
            return
        self.transport.write_eof()
        left, until = LAST_WORDS, self.loop.time() + LAST_WORDS_S
        while left > 0:
            try:
                async with asyncio.timeout_at(until):
                    piece = await self.read()
            except (Broken, TimedOut, TimeoutError):
                return
            if not piece:
                return
            left -= len(piece)
            yield piece

    def _taken(self) -> bytes:
        taken = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        if self.held_back and self.transport is not None:
            self.held_back = False
            self.transport.resume_reading()
        return taken

    def fail(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
        self.abort()
        self._wake()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def _more(self, seconds: float) -> None:
        """Until something has come, TimedOut after `seconds` of nothing. One timer serves many waits."""
        self.due = self.loop.time() + seconds
        if self.timer is None:
            self.timer = self.loop.call_at(self.due, self._check)
        elif self.timer.when() > self.due:
            self.timer.cancel()
            self.timer = self.loop.call_at(self.due, self._check)
        self.waiter = self.loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    def _check(self) -> None:
        self.timer = None
        if self.waiter is None:
            return
        if self.loop.time() < self.due:
            self.timer = self.loop.call_at(self.due, self._check)
        else:
            self.fail(TimedOut("silent for too long"))

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class WireAnswer:
    """An answer whose head is here. Its head stays readable when the connection serves the next exchange."""

    __slots__ = ("connection", "headers", "status")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.status = connection.status
        self.headers = connection.headers

    def header(self, name: str) -> str | None:
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    async def read(self) -> bytes:
        return await self.connection.read()

    def hang_up(self) -> AsyncIterator[bytes]:
        return self.connection.hang_up()


class WirePool:
    """Connections to one destination for one account."""

    def __init__(self, destination: Destination, timeouts: Timeouts) -> None:
        self.destination = destination
        self.timeouts = timeouts
        self.spare: deque[Connection] = deque()
        self.sweep: asyncio.TimerHandle | None = None
        self.tls = ssl.create_default_context() if destination.scheme == "https" else None

    def open(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, first_byte_s: float
    ) -> Exchange:
        return Exchange(self, self._request(method, url, headers, body), first_byte_s)

    def _request(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
        target = "/" + url.split("/", 3)[3] if url.count("/") > 2 else "/"
        lines = [
            f"{method} {target} HTTP/1.1",
            f"host: {self.destination.authority}",
            "user-agent: orbit-gateway",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"content-length: {len(body)}", "", ""]
        head = "\r\n".join(lines)
        if not TARGET.fullmatch(target) or head.count("\n") != len(lines) - 1:
            raise ValueError("a line break or blank in the address or a header")
        return head.encode("latin-1") + body

    async def connection(self) -> Connection:
        """An unused one, else a new one. NotConnected when there is none to be had."""
        now = asyncio.get_running_loop().time()
        while self.spare:
            found = self.spare.pop()
            if not found.lost and found.spare_until > now:
                found.spare_until = 0.0
                return found
            found.abort()
        place = self.destination
        try:
            async with asyncio.timeout(self.timeouts.connect_s):
                _, made = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self.timeouts.idle_s),
                    place.address,
                    place.port,
                    ssl=self.tls,
                    server_hostname=place.host if self.tls else None,
                )
        except (OSError, TimeoutError) as error:
            raise NotConnected(type(error).__name__) from error
        return made

    def give_back(self, connection: Connection) -> None:
        """Keeps a connection whose answer was read to its end, if both sides want that."""
        if (
            connection.lost
            or connection.error is not None
            or not connection.done
            or not connection.reusable
            or len(self.spare) >= IDLE
        ):
            connection.abort()
            return
        said = KEEP_ALIVE.search(connection.headers.get(b"keep-alive", b"").decode("latin-1"))
        seconds = min(IDLE_S, int(said[1]) - 1) if said else IDLE_S
        loop = asyncio.get_running_loop()
        connection.begin()
        connection.spare_until = loop.time() + seconds
        self.spare.append(connection)
        if self.sweep is None:
            self.sweep = loop.call_later(IDLE_S, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now, kept = loop.time(), deque[Connection]()
        for one in self.spare:
            if one.lost or one.spare_until <= now:
                one.abort()
            else:
                kept.append(one)
        self.spare = kept
        self.sweep = loop.call_later(IDLE_S, self._sweep) if kept else None

    async def close(self) -> None:
        if self.sweep is not None:
            self.sweep.cancel()
        for one in self.spare:
            one.abort()
        self.spare.clear()


class Exchange:
    """One request and its answer. Leaving before the answer's end closes the connection."""

    __slots__ = ("connection", "first_byte_s", "pool", "request")

    def __init__(self, pool: WirePool, request: bytes, first_byte_s: float) -> None:
        self.pool = pool
        self.request = request
        self.first_byte_s = first_byte_s

    async def __aenter__(self) -> WireAnswer:
        self.connection = connection = await self.pool.connection()
        try:
            assert connection.transport is not None
            connection.transport.write(self.request)
            await connection.head(self.first_byte_s)
        except BaseException:
            connection.abort()
            raise
        return WireAnswer(connection)

    async def __aexit__(self, *exception: object) -> None:
        self.pool.give_back(self.connection)
