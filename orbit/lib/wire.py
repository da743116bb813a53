"""HTTP/1.1 to one provider, over asyncio with httptools' parser. The default client of `orbit.lib.egress`.

A general client costs more than the rest of a call together (docs/decisions/0003-upstream-client.md). This one
does what a provider call needs and nothing else: one request at a time on a kept-alive connection, the answer
piece by piece as it arrives, and the truth about how it ended. No redirects, proxies, cookies, decompression.
"""

from __future__ import annotations

import asyncio
import math
import re
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import cast

import httptools

from orbit.lib.exchange import Broken, Destination, NotConnected, TimedOut, Timeouts, encoded

UNREAD = 128 * 1024  # bytes of an answer that wait here before the provider is held back
KERNEL = 128 * 1024  # the same in the kernel, which doubles it
HEAD = 64 * 1024  # bytes of a head; also what may come in a row without a byte of the body
HEADER = 256  # what each header counts beside its bytes, so there are fewer than 256 of them
LAST_WORDS_S = 0.25  # for the other side to notice that we hang up
LAST_WORDS = 4_000_000  # bytes that are read meanwhile
IDLE_S = 20.0  # an unused connection is closed after it; most servers keep theirs longer
IDLE = 100  # unused connections of one account and destination
TRIES = 3  # addresses of one name that are tried for one connection
APART = 64 * 1024  # a body over it is not copied behind its head
BODIED = frozenset({"POST", "PUT", "PATCH"})  # say their length also when it is nothing
TARGET = re.compile(r"[!-~]+")
KEEP_ALIVE = re.compile(r"timeout=(\d{1,6})")


class Connection(asyncio.Protocol):
    """One connection, with what has arrived of the answer that is being read from it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.due = 0.0
        self.idle_s = 0.0
        self.lost = False
        self.spare_until = 0.0
        self.begin()

    def begin(self) -> None:
        """Ready for the next exchange."""
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.head_size = 0
        self.bare = 0  # bytes since the last one of the body
        self.until = math.inf  # the exchange's end, whatever comes
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
        size = self.size
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Broken(f"not HTTP: {type(error).__name__}"))
            return
        if self.size > size:
            self.bare = 0
        else:  # a head, a chunk's line or what follows the body; the parser gathers them without a limit
            self.bare += len(data)
            if self.bare > HEAD:
                self.fail(Broken("a head or chunk line is too long"))
                return
        if self.size > UNREAD and not self.held_back and self.transport is not None:
            self.held_back = True
            self.transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.done or self.error is not None:  # an end of our making is no end of the answer
            pass
        elif self.headed and exc is None and self._ends_with_connection():
            self.done = True
        else:
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
        self.head_size += len(name) + len(value) + HEADER
        if self.head_size > HEAD:
            raise httptools.HttpParserError("the head is too long")
        if not self.headed:  # what follows the body is of no use to us
            name = name.lower()
            before = self.headers.get(name)
            self.headers[name] = value if before is None else before + b", " + value

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
        due = self.loop.time() + first_byte_s
        while not self.headed:
            if self.error is not None:
                raise self.error
            await self._more(due)

    async def read(self) -> bytes:
        """The next piece as it arrives; b"" at the end."""
        due = 0.0
        while not self.pieces:
            if self.done:
                return b""
            if self.error is not None:
                raise self.error
            due = due or self.loop.time() + self.idle_s  # bytes that are no piece do not prolong it
            await self._more(due)
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

    def refuse(self, error: Exception) -> None:
        """The head stands, the body is not read, also where it is here already."""
        self.pieces.clear()
        self.size = 0
        self.done = False
        self.fail(error)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def _more(self, due: float) -> None:
        """Until something has come, TimedOut if nothing has by `due`. One timer serves many waits."""
        self.due = due = min(due, self.until)
        if self.timer is None:
            self.timer = self.loop.call_at(due, self._check)
        elif self.timer.when() > due:
            self.timer.cancel()
            self.timer = self.loop.call_at(due, self._check)
        self.waiter = self.loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    def _check(self) -> None:
        self.timer = None
        if self.done:
            return
        now = self.loop.time()
        if now >= self.until:
            self.fail(TimedOut("took too long"))
        elif self.waiter is None:  # the reader is busy, the exchange's own end still holds
            if self.until < math.inf:
                self.timer = self.loop.call_at(self.until, self._check)
        elif now < self.due:
            self.timer = self.loop.call_at(self.due, self._check)
        else:
            self.fail(TimedOut("silent for too long"))

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class WireAnswer:
    """An answer whose head is here. Its head stays readable when the connection serves the next exchange."""

    __slots__ = ("connection", "fields", "status")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.status = connection.status
        self.fields = connection.headers

    def header(self, name: str) -> str | None:
        value = self.fields.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return {name: value for name in names if (value := self.header(name)) is not None}

    async def read(self) -> bytes:
        return await self.connection.read()

    def hang_up(self) -> AsyncIterator[bytes]:
        return self.connection.hang_up()


class WirePool:
    """Connections to one destination for one account."""

    def __init__(self, destination: Destination, tls: ssl.SSLContext) -> None:
        self.destination = destination
        self.addresses = deque(destination.addresses)  # the one that answered last comes first
        self.spare: deque[Connection] = deque()
        self.sweep: asyncio.TimerHandle | None = None
        self.tls = tls if destination.scheme == "https" else None

    def open(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, timeouts: Timeouts
    ) -> Exchange:
        return Exchange(self, self._head(method, path, headers, len(body)), body, timeouts)

    def _head(self, method: str, path: str, headers: Sequence[tuple[str, str]], length: int) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {self.destination.authority}",
            "user-agent: orbit-gateway",
            "accept-encoding: identity",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        if length or method in BODIED:
            lines.append(f"content-length: {length}")
        lines += ["", ""]
        head = "\r\n".join(lines)
        if not TARGET.fullmatch(path) or head.count("\n") != len(lines) - 1:
            raise ValueError("a line break or blank in the address or a header")
        return head.encode("latin-1")

    async def connection(self, timeouts: Timeouts, until: float) -> Connection:
        """An unused one, else a new one. NotConnected when there is none to be had."""
        now = asyncio.get_running_loop().time()
        while self.spare:
            found = self.spare.pop()
            if not found.lost and found.spare_until > now:
                found.spare_until = 0.0
                return found
            found.abort()
        return await self._connected(min(now + timeouts.connect_s, until))

    async def _connected(self, until: float) -> Connection:
        """Tries the vetted addresses in turn, each for half of the time left, the last for all of it."""
        loop = asyncio.get_running_loop()
        failed: Exception | None = None
        for others in reversed(range(min(len(self.addresses), TRIES))):
            address, now = self.addresses[0], loop.time()
            try:
                async with asyncio.timeout_at(now + (until - now) / 2 if others else until):
                    return await self._connect(address)
            except (OSError, TimeoutError) as error:
                failed = error
                if self.addresses[0] == address:  # another call may have done it
                    self.addresses.rotate(-1)
        raise NotConnected(type(failed).__name__) from failed

    async def _connect(self, address: str) -> Connection:
        place = self.destination
        _, made = await asyncio.get_running_loop().create_connection(
            Connection,
            address,
            place.port,
            ssl=self.tls,
            server_hostname=place.host if self.tls else None,
        )
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

    __slots__ = ("body", "connection", "head", "pool", "timeouts")

    def __init__(self, pool: WirePool, head: bytes, body: bytes, timeouts: Timeouts) -> None:
        self.pool = pool
        self.head = head
        self.body = body
        self.timeouts = timeouts

    async def __aenter__(self) -> WireAnswer:
        timeouts = self.timeouts
        until = math.inf
        if timeouts.total_s is not None:
            until = asyncio.get_running_loop().time() + timeouts.total_s
        self.connection = connection = await self.pool.connection(timeouts, until)
        connection.idle_s, connection.until = timeouts.idle_s, until
        try:
            self._send(connection)
            await connection.head(timeouts.first_byte_s)
            answer = WireAnswer(connection)
            fault = encoded(answer.header("content-encoding"), answer.header("transfer-encoding"))
            if fault is not None:
                connection.refuse(fault)
        except BaseException:
            connection.abort()
            raise
        return answer

    def _send(self, connection: Connection) -> None:
        assert connection.transport is not None
        if len(self.body) > APART:
            connection.transport.write(self.head)
            connection.transport.write(self.body)
        else:
            connection.transport.write(self.head + self.body)

    async def __aexit__(self, *exception: object) -> None:
        self.pool.give_back(self.connection)
