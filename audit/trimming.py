"""Cuts off of the streams what the ledger has had for a while.

Not what is old: after an outage old entries have only just been written, and who read the ledger before (a counter that is
seeded, `quotas.seeds`) must still find in the stream what came after.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from audit import backlog
from audit.streams import stream_key, trimmed_key
from orbit.lib.redis import Script
from orbit.lib.store import each

logger = logging.getLogger(__name__)

TRIM = Script.load(Path(__file__).parent / "lua" / "trim.lua")
KEPT_MS = 10 * 60 * 1000  # since the ledger has it
PRESSED_MS = 30 * 1000  # the same while the store is nearly full


def trim(store: Redis, shard: int, committed: str) -> None:
    """After a batch: `committed` is up to where the ledger has the shard's stream."""
    try:
        kept_ms = PRESSED_MS if backlog.pressed() else KEPT_MS
        store.eval(TRIM.source, 2, stream_key(shard), trimmed_key(shard), committed, kept_ms)
    except RedisError as error:  # the rows are written; the next batch trims
        logger.warning("the stream of shard %s is not trimmed: %s", shard, type(error).__name__)


def make_room(positions: Mapping[int, str]) -> None:
    """For a store that is nearly full: also cuts the streams to which nothing comes. A full one takes no reservation, so
    that no batch would ever come and trim them."""
    each(
        [
            (shard, ("EVAL", TRIM.source, 2, stream_key(shard), trimmed_key(shard), position, PRESSED_MS))
            for shard, position in positions.items()
        ]
    )
