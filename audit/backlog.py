"""How far the ledger is behind: what waits on each shard, and since when.

Each survey leaves in the store up to which moment the ledger has everything. Nobody raises that while the writer, or
Postgres, is away, so whoever reads it knows without asking either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db.models import Min
from redis.exceptions import RedisError

from audit.models import OutboxEntry, ShardPosition
from audit.streams import stream_key, written_key
from orbit.lib import access
from orbit.lib.redis import Script
from orbit.lib.store import each, servers

SURVEY = Script.load(Path(__file__).parent / "lua" / "survey.lua")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on one shard. A shard whose server is away is in no survey."""

    shard: int
    entries: bool
    age_s: float  # of the oldest entry or act
    length: int  # of the stream, with what the ledger has already
    acts: bool

    @property
    def any(self) -> bool:
        return self.entries or self.acts


def survey() -> list[Waiting]:
    """Every shard that can be asked. RedisError when none can."""
    with access.ledger():
        positions = dict(ShardPosition.objects.values_list("shard", "stream_id"))
        acts = dict(
            OutboxEntry.objects.values("shard")
            .annotate(since=Min("created_at"))
            .values_list("shard", "since")
        )
    found = each(
        [
            (shard, ("EVAL", SURVEY.source, 2, stream_key(shard), written_key(shard), position))
            for shard, position in positions.items()
        ]
    )
    now = datetime.now(UTC)
    made = []
    for shard, answer in zip(positions, found, strict=True):
        if isinstance(answer, RedisError):
            continue
        since = acts.get(shard)
        act_s = max(0.0, (now - since).total_seconds()) if since else 0.0
        waits = bool(answer[0])
        made.append(
            Waiting(
                shard, waits, max(int(answer[1]) / 1000 if waits else 0.0, act_s), int(answer[2]), bool(since)
            )
        )
    return made


def memory() -> float:
    """How full the fullest server of the store is, as a part of its `maxmemory`; 0 where it has none."""
    parts = []
    for server in servers():
        told = server.info("memory")
        most = int(told.get("maxmemory") or 0)
        parts.append(int(told["used_memory"]) / most if most else 0.0)
    return max(parts, default=0.0)


def pressed() -> bool:
    """Whether the store is so full that the stream is kept no longer than it must be."""
    return memory() >= settings.ORBIT_LEDGER_MAX_MEMORY / 100
