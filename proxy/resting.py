"""What rests right now, as the workers tell each other, for pages and the management API. No call waits for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from orbit.lib.store import client
from proxy.health import KNOWN, SHARD, read_shared
from quotas import keys

Rests = dict[str, dict[str, datetime]]  # by account: its models, "" for all of it, and until when


@dataclass(frozen=True, slots=True)
class Rest:
    """An account, or one model of it, that is not called until a moment (seconds since the epoch)."""

    account: str
    model: str
    until: float
    broken: bool


def rests(store: Redis, now: float) -> list[Rest]:
    """Of all organizations, the longest first. RedisError when the store is away."""
    found: Any = store.zrange(keys.resting(SHARD), 0, KNOWN, withscores=True)
    flat = [part for member, until in found for part in (member, until)]
    told = [Rest(*name, until, broken) for name, (until, broken) in read_shared(flat).items() if until > now]
    return sorted(told, key=lambda one: -one.until)


def resting(accounts: Collection[str]) -> Rests | None:
    """Of these accounts, by their ids. None when the store does not say."""
    try:
        told = rests(client(), datetime.now(UTC).timestamp())
    except RedisError:
        return None
    found: Rests = {}
    for one in told:
        if one.account in accounts:
            found.setdefault(one.account, {})[one.model] = datetime.fromtimestamp(one.until, UTC)
    return found
