"""The only place where a Redis key is spelt. All keys of one organization share its shard's hash tag."""

from __future__ import annotations


def meta(shard: int) -> str:
    """Hash: `epoch` (random, new after each loss), `seq` (raised by every script), `lost` when counters last
    were, `restored` how often leases were brought back or counters dropped, `run` the server's run that it was opened on."""
    return f"orbit:{{{shard}}}:meta"


def version(shard: int, organization_id: str) -> str:
    """The organization's newest version."""
    return f"orbit:{{{shard}}}:v:{organization_id}"


def generation(shard: int, key_id: str) -> str:
    """The issued key's newest generation."""
    return f"orbit:{{{shard}}}:g:{key_id}"


def lease(shard: int, lease_id: str) -> str:
    """Hash: `e` the event to write should it lapse, `a` when it was admitted, `i` `o` `c` the input tokens, output tokens
    and nano held, `k` its counters and `s` their limits, `x` counters that were made since and hold it too, `m` how often it
    was moved to another target: `x` then begins with `=` and names all that hold it."""
    return f"orbit:{{{shard}}}:l:{lease_id}"


def leases(shard: int) -> str:
    """Sorted set: open leases by the microsecond at which they lapse."""
    return f"orbit:{{{shard}}}:leases"


def tombstone(shard: int, lease_id: str) -> str:
    """How a closed lease ended (`settled`, or `expired` with what was charged), for fifteen minutes."""
    return f"orbit:{{{shard}}}:t:{lease_id}"


def stream(shard: int) -> str:
    """Events on their way to the ledger."""
    return f"orbit:{{{shard}}}:events"


def written(shard: int) -> str:
    """Up to which millisecond the ledger has all of the stream, see `audit.backlog`."""
    return f"orbit:{{{shard}}}:written"


def writing(shard: int) -> str:
    """Hash: what the ledger's writer is at, see `audit.attempts`."""
    return f"orbit:{{{shard}}}:writing"


def trimmed(shard: int) -> str:
    """List: up to where the ledger had the stream at which moment, see `audit.trimming`."""
    return f"orbit:{{{shard}}}:trimmed"


def adjusted(shard: int) -> str:
    """Set: objects of whose adjustments their counters do not know yet, see `quotas.adjusting`."""
    return f"orbit:{{{shard}}}:adjusted"


def refused(shard: int) -> str:
    """Hash: refusals of each minute, by code, limit and key."""
    return f"orbit:{{{shard}}}:refused"


def turned_away(shard: int, organization_id: str) -> str:
    """Stream: single requests of the organization that were refused lately and why, see `proxy.refusals`."""
    return f"orbit:{{{shard}}}:away:{organization_id}"


def counter(shard: int, identity: str, window_start: int | None = None) -> str:
    """A limit's figures, see `quotas.counters`."""
    suffix = "" if window_start is None else f":{window_start}"
    return f"orbit:{{{shard}}}:c:{identity}{suffix}"


def mark(shard: int, identity: str, window_start: int | None = None) -> str:
    """There when every end user of a limit and window who has a figure has a counter."""
    suffix = "" if window_start is None else f":{window_start}"
    return f"orbit:{{{shard}}}:m:{identity}{suffix}"


def resting(shard: int) -> str:
    """Sorted set: provider accounts and models that should not be called, by the second until which."""
    return f"orbit:{{{shard}}}:resting"


def sandbox(number: int) -> int:
    """The shard of a simulation: a hash tag of its own, far above those of organizations."""
    return 2**40 + number


def patterns(shard: int) -> tuple[str, str]:
    """Of all counters and of all marks of a shard."""
    return f"orbit:{{{shard}}}:c:*", f"orbit:{{{shard}}}:m:*"
