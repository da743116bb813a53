"""What rests right now, as the workers tell each other, for pages and the management API. No call waits for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from orbit.lib.store import client
from proxy.health import KNOWN, SHARD, read_shared
from quotas import keys

Rests = dict[str, dict[str, datetime]]  # by account: its models, "" for all of it, and until when


def resting(accounts: Collection[str]) -> Rests | None:
    """Of these accounts, by their ids. None when the store does not say."""
    now = datetime.now(UTC)
    try:
        store: Any = client()
        reply = store.zrange(keys.resting(SHARD), 0, KNOWN, withscores=True)
    except RedisError:
        return None
    found: Rests = {}
    flat = (part for member, until in reply for part in (member, until))
    for (account, model), (until, _) in read_shared(flat).items():
        ends = datetime.fromtimestamp(until, UTC)
        if account in accounts and ends > now:
            found.setdefault(account, {})[model] = ends
    return found
