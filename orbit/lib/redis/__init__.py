"""Redis or Valkey for the hot path: one multiplexed connection to each server.

Commands of one turn of the event loop leave in one write and are answered in order, so a call costs
a fraction of what a pool of connections does (docs/performance.md). Everything else uses redis-py.
"""

from __future__ import annotations

from orbit.lib.redis.address import Address
from orbit.lib.redis.port import (
    Argument,
    Link,
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
    "Link",
    "Recover",
    "RedisLink",
    "Script",
    "Serves",
    "Shard",
    "StoreError",
    "StoreUnavailable",
]
