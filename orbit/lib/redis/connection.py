"""One socket: commands in, replies to their waiters, in order."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis

from orbit.lib.redis.port import Argument, StoreError, StoreUnavailable

GRACE_S = 0.01


def packed(arguments: Sequence[Argument]) -> bytes:
    command: bytes = hiredis.pack_command(tuple(arguments))  # type: ignore[arg-type]
    return command


class Connection(asyncio.Protocol):
    """Writes what is ready once a turn; hands replies to their waiters in order.

    An answer that does not come in time ends it, because replies after a gap could not be told apart.
    `lost` is called once, unless the owner closed it.
    """

    def __init__(self, timeout_s: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.timeout_s = timeout_s
        self.lost: Callable[[], None] | None = None
        self.reader = hiredis.Reader(errors="surrogateescape")
        self.waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self.outgoing: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        self.watch: asyncio.TimerHandle | None = None
        self.overdue = False

    @classmethod
    async def open(cls, host: str, port: int, *, tls: bool, timeout_s: float) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: cls(timeout_s), host, port, ssl=ssl.create_default_context() if tls else None
        )
        return connection

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def send(self, arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        return self.send_packed(packed(arguments))

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
            self._end("no answer in time")
        else:
            # the answer may lie in the socket, unread while this process was busy with something else
            self.overdue = True
            self.watch = self.loop.call_later(GRACE_S, self._check)

    def data_received(self, data: bytes) -> None:
        self.overdue = False
        self.reader.feed(data)
        try:
            while (reply := self.reader.gets()) is not False:
                future, _ = self.waiting.popleft()
                if future.done():  # its caller was cancelled
                    continue
                if isinstance(reply, hiredis.ReplyError):
                    future.set_exception(StoreError(str(reply)))
                else:
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):  # no Redis at all, or an answer that nobody asked for
            self._end("answers are out of step")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection lost")

    def _end(self, why: str) -> None:
        lost, self.lost = self.lost, None
        self.close(why)
        if lost is not None:
            lost()

    def close(self, why: str) -> None:
        self.lost = None
        if self.transport is not None:
            self.transport.abort()
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        for future, _ in self.waiting:
            if not future.done():
                future.set_exception(StoreUnavailable(why))
        self.waiting.clear()
