"""The link to a Redis or Valkey cluster: one RedisLink for each master, and the map of slots to them."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from typing import Any

from orbit.lib.redis.address import Address
from orbit.lib.redis.port import Recover, StoreError, StoreUnavailable, shared
from orbit.lib.redis.shard import ShardLink
from orbit.lib.redis.single import RedisLink

logger = logging.getLogger(__name__)

REFRESH_S = 0.2  # the map is not read again sooner
LEAVING_S = 5.0  # answers may still come from a server that has left the map

Server = tuple[str, int]


class ClusterLink:
    """A `port.Link`. A master that is away takes only its own shards with it."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.address = Address.parse(url)
        if not self.address.cluster:
            raise ValueError("REDIS_URL names one server; this is the link to a cluster")
        self.timeout_s = timeout_s
        self.recover: Recover | None = None
        self.owners: dict[int, RedisLink] = {}  # by slot
        self._nodes: dict[Server, RedisLink] = {}
        self._leaving: set[RedisLink] = set()
        self._shards: dict[int, ShardLink] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = float("-inf")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def at(self, shard: int) -> ShardLink:
        found = self._shards.get(shard)
        if found is None:
            found = self._shards[shard] = ShardLink(self, shard)
        return found

    async def ping(self) -> None:
        if not self.owners:
            await self.refresh()
        for node in set(self.owners.values()):
            await node.ping()

    def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for node in (*self._nodes.values(), *self._leaving):
            node.close()

    def node(self, server: Server) -> RedisLink:
        found = self._nodes.get(server)
        if found is None:
            address = replace(self.address, servers=(server,), cluster=False)
            found = self._nodes[server] = RedisLink(address, self.timeout_s)
        return found

    def moved(self, slot: int, server: Server) -> RedisLink:
        """A server said who holds a slot now. Others may have moved with it."""
        node = self.owners[slot] = self.node(server)
        self.doubt()
        return node

    def doubt(self) -> None:
        """The map may be old: reads it again, in the background."""
        if self._closed or self._refreshing is not None:
            return
        if asyncio.get_running_loop().time() - self._refreshed_at >= REFRESH_S:
            self._start_refresh()

    async def refresh(self) -> None:
        """Reads the map; those who ask meanwhile wait for the same answer. StoreUnavailable without one."""
        if self._closed:
            raise StoreUnavailable("closed")
        await shared(self._refreshing or self._start_refresh())

    def _start_refresh(self) -> asyncio.Task[None]:
        self._refreshing = self.spawn(asyncio.create_task(self._refresh(), name="redis-slots"))
        return self._refreshing

    async def _refresh(self) -> None:
        try:
            self.owners = await self._read()
        finally:
            self._refreshing = None
            self._refreshed_at = asyncio.get_running_loop().time()
        serving = set(self.owners.values())
        for server, node in list(self._nodes.items()):
            if node not in serving:
                del self._nodes[server]
                self._leaving.add(node)
                asyncio.get_running_loop().call_later(LEAVING_S, self._left, node)

    def _left(self, node: RedisLink) -> None:
        self._leaving.discard(node)
        node.close()

    async def _read(self) -> dict[int, RedisLink]:
        """From whichever server answers first; those that are connected are asked before the others."""
        known = list(dict.fromkeys([*self._nodes, *self.address.servers]))
        random.shuffle(known)
        known.sort(key=lambda server: server not in self._nodes or not self._nodes[server].up)
        for server in known:
            try:
                ranges = await self.node(server).call("CLUSTER", "SLOTS")
            except (StoreUnavailable, StoreError) as error:
                logger.debug("no map of slots from %s:%s: %s", *server, error)
            else:
                return self._map(server, ranges)
        raise StoreUnavailable("no server of the cluster tells its slots")

    def _map(self, asked: Server, ranges: list[Any]) -> dict[int, RedisLink]:
        found: dict[int, RedisLink] = {}
        for first, last, master, *_ in ranges:
            server = ((master[0] or b"").decode() or asked[0], int(master[1]))
            found.update(dict.fromkeys(range(first, last + 1), self.node(server)))
        return found

    def spawn(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """Keeps a task until it ends, and notes its failure should nobody wait for it."""
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()
