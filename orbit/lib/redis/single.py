"""The link to one server, with a breaker before it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from orbit.lib.redis import port
from orbit.lib.redis.address import Address
from orbit.lib.redis.breaker import Breaker
from orbit.lib.redis.connection import Connection, packed
from orbit.lib.redis.port import Argument, NotSent, Recover, Script, StoreError, StoreUnavailable

logger = logging.getLogger(__name__)

ASKING = packed(["ASKING"])

# The link whose `recover` runs here: its commands pass where others still wait.
_recovering: ContextVar[RedisLink | None] = ContextVar("recovering", default=None)


class RedisLink:
    """One multiplexed connection; a `port.Link` all of whose shards are on one server.

    While the breaker is open every call fails at once and one probe at a time asks whether the server is back.
    """

    RETRY_S: float = 0.05  # a refused connection is not tried again sooner
    PROBE_S: tuple[float, float] = (0.1, 0.3)  # drawn anew each time, so that workers do not knock together

    def __init__(self, where: str | Address, timeout_s: float) -> None:
        address = Address.parse(where) if isinstance(where, str) else where
        if address.cluster:
            raise ValueError("REDIS_URL names a cluster; this is the link to one server")
        self.address = address
        self.timeout_s = timeout_s
        self.recover: Recover | None = None
        self._breaker = Breaker.of(timeout_s)
        self._connection: Connection | None = None
        self._recovered: Connection | None = None  # only for `recover`
        self._connecting: asyncio.Task[Connection] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._refused_at = float("-inf")
        self._closed = False

    def at(self, shard: int) -> RedisLink:
        """The connection that serves a shard's keys."""
        return self

    @property
    def up(self) -> bool:
        """Whether a call would be sent at once."""
        return self._connection is not None and self._connection.usable

    @property
    def away(self) -> bool:
        """Whether calls fail without being sent."""
        return self._breaker.is_open

    async def call(self, *arguments: Argument) -> Any:
        connection = self._connection
        if connection is None or not connection.usable:
            return await self._send_when_ready(packed(arguments))
        return await connection.send(arguments)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        return await port.run(self, script, keys, arguments)

    async def call_packed(self, command: bytes) -> Any:
        connection = self._connection
        if connection is None or not connection.usable:
            return await self._send_when_ready(command)
        return await connection.send_packed(command)

    def post_packed(self, command: bytes) -> asyncio.Future[Any]:
        connection = self._connection
        if connection is None or not connection.usable:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(NotSent("not connected"))
            return future
        sent = connection.send_packed(command)
        connection.flush()
        return sent

    async def ask_packed(self, command: bytes) -> Any:
        """A command about a slot that is moving here, behind the word that admits it."""
        return await self._send_when_ready(ASKING, command)

    async def ping(self) -> None:
        await self.call("PING")

    async def _send_when_ready(self, *commands: bytes) -> Any:
        """The last one's answer. Waiting for the connection is within the call's time."""
        try:
            async with asyncio.timeout(self.timeout_s):
                connection = await self._ready()
                if not connection.usable:
                    raise StoreUnavailable("connection lost")
                *first, last = [connection.send_packed(command) for command in commands]
                for one in first:
                    one.add_done_callback(_seen)
                return await last
        except TimeoutError:
            raise StoreUnavailable("no answer in time") from None

    async def _ready(self) -> Connection:
        if self._recovered is not None and _recovering.get() is self:
            return self._recovered
        if self._connection is not None and self._connection.usable:
            return self._connection
        if self._breaker.is_open or self._closed:
            raise NotSent("away")
        if self._connecting is None and asyncio.get_running_loop().time() - self._refused_at < self.RETRY_S:
            raise NotSent("not connected")
        return await port.shared(self._connect())

    def _connect(self) -> asyncio.Task[Connection]:
        """One at a time, whoever asks."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connected(), name="redis-connect")
            self._connecting.add_done_callback(_seen)
        return self._connecting

    async def _connected(self) -> Connection:
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.timeout_s):
                connection = await self._opened()
            await self._recover(connection)
            if not connection.usable:
                raise StoreUnavailable("connection lost")
        except (OSError, TimeoutError, StoreError, StoreUnavailable) as error:
            if connection is not None:
                connection.close("not usable")
            self._refused_at = asyncio.get_running_loop().time()
            self._failed()
            raise NotSent(f"cannot connect: {type(error).__name__}") from error
        finally:
            self._connecting = None
        connection.lost = self._failed
        self._connection = connection
        self._breaker.close()
        return connection

    async def _opened(self) -> Connection:
        address = self.address
        [(host, number)] = address.servers
        connection = await Connection.open(host, number, tls=address.tls, timeout_s=self.timeout_s)
        greeting: list[list[Argument]] = []
        if address.password:
            user = [address.username] if address.username else []
            greeting.append(["AUTH", *user, address.password])
        if address.database:
            greeting.append(["SELECT", address.database])
        greeting.append(["PING"])
        try:
            for words in greeting:
                await connection.send(words)
        except BaseException:
            connection.close("not usable")
            raise
        return connection

    async def _recover(self, connection: Connection) -> None:
        if self.recover is None:
            return
        self._recovered = connection
        _recovering.set(self)  # seen by this task and what it starts
        try:
            await port.recover(self.recover, lambda shard: True)
        finally:
            self._recovered = None

    def _failed(self) -> None:
        """A connection that broke, or was not to be had."""
        if self._closed:
            return
        self._breaker.failed(asyncio.get_running_loop().time())
        if self._breaker.is_open and self._probing is None:
            logger.warning(
                "the store at %s:%s is away: calls fail at once until it is back", *self.address.servers[0]
            )
            self._probing = asyncio.create_task(self._probe(), name="redis-probe")

    async def _probe(self) -> None:
        while self._breaker.is_open:
            await asyncio.sleep(random.uniform(*self.PROBE_S))  # noqa: S311 - spreads workers, keeps no secret
            try:
                await self._connect()
            except StoreUnavailable:
                continue
        self._probing = None
        logger.warning("the store at %s:%s is back", *self.address.servers[0])

    def close(self) -> None:
        self._closed = True
        for task in (self._probing, self._connecting):
            if task is not None:
                task.cancel()
        if self._connection is not None:
            self._connection.close("closed")


def _seen(future: asyncio.Future[Any]) -> None:
    """Takes note of a failure that others may not wait for, so that asyncio does not report it as lost."""
    if not future.cancelled():
        future.exception()
