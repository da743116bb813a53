"""One multiplexed connection to Redis or Valkey for the hot path.

Commands of one turn of the event loop leave in one write and are answered in order, so a call costs
a fraction of what a pool of connections does (docs/performance.md). Everything else uses redis-py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import hiredis

Argument = str | bytes | int

GRACE_S = 0.01


class StoreUnavailable(Exception):
    """Redis could not be reached, or did not answer in time."""


class StoreError(Exception):
    """Redis answered with an error."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, known to the server by its digest."""

    source: str
    digest: str

    @classmethod
    def load(cls, path: Path) -> Script:
        source = path.read_text()
        return cls(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    username: str
    password: str
    database: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Address:
        """`redis://user:password@host:port/0`, or `rediss://` for TLS. ValueError when it is neither."""
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError("REDIS_URL must read redis://user:password@host:port/0, or rediss:// for TLS")
        return cls(
            parts.hostname,
            parts.port or 6379,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            int(parts.path.strip("/") or 0),
            parts.scheme == "rediss",
        )


class _Connection(asyncio.Protocol):
    """Writes what is ready once a turn; hands replies to their waiters in order."""

    def __init__(self, timeout_s: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.timeout_s = timeout_s
        self.reader = hiredis.Reader(errors="surrogateescape")
        self.waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self.outgoing: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        self.watch: asyncio.TimerHandle | None = None
        self.overdue = False

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def send(self, arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        return self.send_packed(hiredis.pack_command(tuple(arguments)))  # type: ignore[arg-type]

    def send_packed(self, command: bytes) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.loop.create_future()
        if not self.outgoing:
            self.loop.call_soon(self.flush)
        self.outgoing.append(command)
        self.waiting.append((future, self.loop.time() + self.timeout_s))
        if self.watch is None:
            self.watch = self.loop.call_later(self.timeout_s, self._check)
        return future

    def flush(self) -> None:
        if self.usable and self.outgoing:
            assert self.transport is not None
            self.transport.write(b"".join(self.outgoing))
        self.outgoing.clear()

    def _check(self) -> None:
        self.watch = None
        if not self.waiting:
            return
        due = self.waiting[0][1]
        if due > self.loop.time():
            self.watch = self.loop.call_at(due, self._check)
        elif self.overdue:
            self.close("no answer in time")
        else:
            # the answer may lie in the socket, unread while this process was busy with something else
            self.overdue = True
            self.watch = self.loop.call_later(GRACE_S, self._check)

    def data_received(self, data: bytes) -> None:
        self.overdue = False
        self.reader.feed(data)
        while (reply := self.reader.gets()) is not False:
            future, _ = self.waiting.popleft()
            if future.done():  # its caller was cancelled
                continue
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(StoreError(str(reply)))
            else:
                future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close("connection lost")

    def close(self, why: str) -> None:
        if self.transport is not None:
            self.transport.abort()
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        for future, _ in self.waiting:
            if not future.done():
                future.set_exception(StoreUnavailable(why))
        self.waiting.clear()


class RedisLink:
    """The worker's connection. It comes back by itself; a call while it is away fails within its time-out."""

    RETRY_S = 0.05  # a refused connection is not tried again sooner

    def __init__(self, url: str, timeout_s: float) -> None:
        self.address = Address.parse(url)
        self.timeout_s = timeout_s
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[_Connection] | None = None
        self._failed_at = float("-inf")

    def at(self, shard: int) -> RedisLink:
        """The connection that serves a shard's keys."""
        return self

    async def call(self, *arguments: Argument) -> Any:
        """One command. StoreUnavailable when it got no answer, StoreError when the answer is an error."""
        connection = self._connection
        if connection is None or not connection.usable:
            connection = await self._connected()
        return await connection.send(arguments)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """A script by its digest; sent in full when the server does not know it yet."""
        try:
            return await self.call("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except StoreError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await self.call("EVAL", script.source, len(keys), *keys, *arguments)

    async def call_packed(self, command: bytes) -> Any:
        """One command that the caller has put into the wire format."""
        connection = self._connection
        if connection is None or not connection.usable:
            connection = await self._connected()
        return await connection.send_packed(command)

    def post_packed(self, command: bytes) -> asyncio.Future[Any]:
        """The same, with its bytes on their way when this returns; the caller looks at the answer when it likes.

        Fails at once, in the future, when there is no connection.
        """
        connection = self._connection
        if connection is None or not connection.usable:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(StoreUnavailable("not connected"))
            return future
        sent = connection.send_packed(command)
        connection.flush()
        return sent

    async def _connected(self) -> _Connection:
        if self._connecting is None:
            now = asyncio.get_running_loop().time()
            if now - self._failed_at < self.RETRY_S:
                raise StoreUnavailable("not connected")
            self._connecting = asyncio.create_task(self._connect(), name="redis-connect")
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        address = self.address
        try:
            async with asyncio.timeout(self.timeout_s):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self.timeout_s),
                    address.host,
                    address.port,
                    ssl=ssl.create_default_context() if address.tls else None,
                )
                if address.password:
                    user = [address.username] if address.username else []
                    await connection.send(["AUTH", *user, address.password])
                if address.database:
                    await connection.send(["SELECT", address.database])
            self._connection = connection
            return connection
        except (OSError, TimeoutError, StoreError, StoreUnavailable) as error:
            self._failed_at = loop.time()
            raise StoreUnavailable(f"cannot connect: {type(error).__name__}") from error
        finally:
            self._connecting = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close("closed")
