"""The only place where a Redis key is spelt. All keys of one organization share its shard's hash tag."""

from __future__ import annotations


def meta(shard: int) -> str:
    """Hash: `epoch` (random, new after each loss) and `seq` (raised by every script)."""
    return f"orbit:{{{shard}}}:meta"


def opening(shard: int) -> str:
    """Held for a moment by whoever starts a shard anew."""
    return f"orbit:{{{shard}}}:opening"


def version(shard: int, organization_id: str) -> str:
    """The organization's newest version."""
    return f"orbit:{{{shard}}}:v:{organization_id}"


def generation(shard: int, key_id: str) -> str:
    """The issued key's newest generation."""
    return f"orbit:{{{shard}}}:g:{key_id}"


def lease(shard: int, lease_id: str) -> str:
    """Hash: `e` the event to write should it lapse, `c` the counters held, `p` the epoch it was made in."""
    return f"orbit:{{{shard}}}:l:{lease_id}"


def leases(shard: int) -> str:
    """Sorted set: open leases by the microsecond at which they lapse."""
    return f"orbit:{{{shard}}}:leases"


def tombstone(shard: int, lease_id: str) -> str:
    """How a closed lease ended, for fifteen minutes."""
    return f"orbit:{{{shard}}}:t:{lease_id}"


def stream(shard: int) -> str:
    """Events on their way to the ledger."""
    return f"orbit:{{{shard}}}:events"


def refused(shard: int) -> str:
    """Hash: refusals of each minute, by code, limit and key."""
    return f"orbit:{{{shard}}}:refused"


def counter(shard: int, identity: str, window_start: int | None = None) -> str:
    """Hash: `u` used, `h` held, `n` calls that hold; a smooth window has its bucket in `u` and `t`."""
    suffix = "" if window_start is None else f":{window_start}"
    return f"orbit:{{{shard}}}:c:{identity}{suffix}"


def counters(shard: int) -> str:
    """The pattern of all counters of a shard."""
    return f"orbit:{{{shard}}}:c:*"
