"""One shard of a cluster: its commands find the server that holds them, also while its slot moves."""

from __future__ import annotations

import asyncio
import random
from binascii import crc_hqx
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from orbit.lib.redis import port
from orbit.lib.redis.connection import packed
from orbit.lib.redis.port import Argument, NotSent, Script, StoreError, StoreUnavailable
from orbit.lib.redis.single import RedisLink

if TYPE_CHECKING:
    from orbit.lib.redis.cluster import ClusterLink

SLOTS = 16384
PATIENCE_S = 2.0  # while a slot moves, servers answer at once, but not what was asked
WAIT_S = (0.005, 0.05)  # between two tries then
ELSEWHERE = ("MOVED ", "ASK ", "TRYAGAIN", "CLUSTERDOWN")

_recovering: ContextVar[ShardLink | None] = ContextVar("recovering-shard", default=None)


def slot_of(shard: int) -> int:
    """All keys of a shard share the hash tag `{shard}`."""
    return crc_hqx(str(shard).encode(), 0) % SLOTS


class ShardLink:
    """A `port.Shard`.

    After a call that got no answer, `recover` is awaited before the next call passes: whatever server
    holds the slot by then.
    """

    def __init__(self, cluster: ClusterLink, shard: int) -> None:
        self.cluster = cluster
        self.shard = shard
        self.slot = slot_of(shard)
        self._lost = self._recovered = 0  # calls without an answer; how many of them `recover` has seen
        self._recovery: asyncio.Task[None] | None = None

    async def call(self, *arguments: Argument) -> Any:
        return await self.call_packed(packed(arguments))

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        return await port.run(self, script, keys, arguments)

    async def call_packed(self, command: bytes) -> Any:
        node = self.cluster.owners.get(self.slot)
        if node is None or self._lost != self._recovered:
            node = await self._ready()
        try:
            return await node.call_packed(command)
        except StoreUnavailable:
            self._unanswered()
            raise
        except StoreError as error:
            if not str(error).startswith(ELSEWHERE):
                raise
            return await self._follow(command, node, error)

    def post_packed(self, command: bytes) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        node = self.cluster.owners.get(self.slot)
        if node is None or self._lost != self._recovered:
            answer.set_exception(StoreUnavailable("not connected"))
            return answer
        node.post_packed(command).add_done_callback(lambda sent: self._posted(sent, answer, command, node))
        return answer

    def _posted(
        self, sent: asyncio.Future[Any], answer: asyncio.Future[Any], command: bytes, node: RedisLink
    ) -> None:
        error = sent.exception()
        if isinstance(error, StoreError) and str(error).startswith(ELSEWHERE):
            following = asyncio.create_task(self._follow(command, node, error), name="redis-follow")
            self.cluster.spawn(following).add_done_callback(lambda done: _hand_over(done, answer))
            return
        if isinstance(error, StoreUnavailable):
            self._unanswered()
        _hand_over(sent, answer)

    async def _follow(self, command: bytes, node: RedisLink, error: StoreError) -> Any:
        """Goes where the servers point to, until one of them takes the command."""
        loop = asyncio.get_running_loop()
        gives_up = loop.time() + PATIENCE_S
        tries = 0
        while True:
            if str(error).startswith("TRYAGAIN") or tries > 1:
                await asyncio.sleep(random.uniform(*WAIT_S))  # noqa: S311 - spreads callers, keeps no secret
            try:
                node, asking = self._next(node, error)
                return await (node.ask_packed(command) if asking else node.call_packed(command))
            except StoreUnavailable:
                self._unanswered()
                raise
            except StoreError as answer:
                if not str(answer).startswith(ELSEWHERE):
                    raise
                error = answer
            tries += 1
            if loop.time() > gives_up:
                raise StoreUnavailable("the slot is on its way") from error

    def _next(self, node: RedisLink, error: StoreError) -> tuple[RedisLink, bool]:
        """Whom an answer points to, and whether it holds the slot only on trial."""
        word, *rest = str(error).split(" ")
        if word in {"MOVED", "ASK"}:
            host, _, number = rest[1].rpartition(":")
            server = (host or node.address.servers[0][0], int(number))
            if word == "ASK":
                return self.cluster.node(server), True
            return self.cluster.moved(self.slot, server), False
        owner = self.cluster.owners.get(self.slot)
        if word == "CLUSTERDOWN" or owner is None:
            raise StoreUnavailable(str(error))
        return owner, False

    async def _ready(self) -> RedisLink:
        """The slot's owner, once it is known and nothing is left to do for the shard."""
        try:
            async with asyncio.timeout(self.cluster.timeout_s):
                if self.slot not in self.cluster.owners:
                    await self.cluster.refresh()
                if self._lost != self._recovered and _recovering.get() is not self:
                    await self._recovery_ended()
        except StoreUnavailable:
            self._unanswered()
            raise
        except TimeoutError:
            self._unanswered()
            raise StoreUnavailable("no answer in time") from None
        owner = self.cluster.owners.get(self.slot)
        if owner is None:
            raise NotSent("nobody serves the slot")
        return owner

    def _unanswered(self) -> None:
        self.cluster.doubt()
        if self.cluster.recover is not None:
            self._lost += 1

    async def _recovery_ended(self) -> None:
        """One at a time, and none while the server is known to be away."""
        owner = self.cluster.owners.get(self.slot)
        if owner is None or owner.away:
            raise NotSent("away")
        if self._recovery is None:
            self._recovery = self.cluster.spawn(asyncio.create_task(self._recover(), name="redis-recover"))
        await port.shared(self._recovery)

    async def _recover(self) -> None:
        _recovering.set(self)  # seen by this task and what it starts
        seen = self._lost
        try:
            if self.cluster.recover is not None:
                await port.recover(self.cluster.recover, lambda shard: shard == self.shard)
            self._recovered = seen
        finally:
            self._recovery = None


def _hand_over(done: asyncio.Future[Any], answer: asyncio.Future[Any]) -> None:
    if answer.done():  # its caller was cancelled
        return
    if done.cancelled():
        answer.set_exception(StoreUnavailable("closed"))
    elif (error := done.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
