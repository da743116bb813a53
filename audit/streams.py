"""Keys of the store that the ledger's writer shares with the scripts.

The same as in `quotas.keys`; tests hold them equal, since imports do not point that way.
"""

from __future__ import annotations


def stream_key(shard: int) -> str:
    """Events on their way to the ledger."""
    return f"orbit:{{{shard}}}:events"


def written_key(shard: int) -> str:
    """Up to which millisecond the ledger has all of the stream."""
    return f"orbit:{{{shard}}}:written"


def trimmed_key(shard: int) -> str:
    """Up to where the stream may be cut, and since when."""
    return f"orbit:{{{shard}}}:trimmed"
