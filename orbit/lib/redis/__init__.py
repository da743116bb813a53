"""Redis or Valkey for the hot path: one multiplexed connection to each server.

Commands of one turn of the event loop leave in one write and are answered in order, so a call costs
a fraction of what a pool of connections does (docs/performance.md). Everything else uses redis-py.
"""

from __future__ import annotations

from orbit.lib.redis.address import Address
from orbit.lib.redis.cluster import ClusterLink
from orbit.lib.redis.port import (
    Argument,
    Link,
    NotSent,
    Recover,
    Script,
    Serves,
    Shard,
    StoreError,
    StoreUnavailable,
)
from orbit.lib.redis.single import RedisLink

__all__ = [
    "Address",
    "Argument",
    "ClusterLink",
    "Link",
    "NotSent",
    "Recover",
    "RedisLink",
    "Script",
    "Serves",
    "Shard",
    "StoreError",
    "StoreUnavailable",
    "link",
]


def link(url: str, timeout_s: float) -> Link:
    """The worker's way to its store: one server, or a cluster for `redis+cluster://`."""
    if Address.parse(url).cluster:
        return ClusterLink(url, timeout_s)
    return RedisLink(url, timeout_s)
