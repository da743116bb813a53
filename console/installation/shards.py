"""Every shard of the counting store in one exchange: whether it can be counted in, and what waits to be written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from audit.models import ShardPosition
from orbit.lib.store import each
from quotas import keys

MOST = 1000  # waiting events that are counted
_READ = """
local waiting = redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'lost')
return {#waiting, waiting[1] and waiting[1][1] or '', redis.call('XLEN', KEYS[2]), redis.call('ZCARD', KEYS[3]), meta[1] or '', meta[2] or ''}
"""


@dataclass(frozen=True, slots=True)
class Shard:
    """`waiting` counts events that the ledger has not, up to a bound; `kept` what its stream holds at all."""

    number: int
    answers: bool
    used: bool = False
    epoch: str = ""
    waiting: int = 0
    oldest_s: int = 0
    kept: int = 0
    leases: int = 0
    lost_s: int | None = None  # how long ago its counters were lost

    @property
    def cold(self) -> bool:
        """Closed: the next call rebuilds it. One that was never used is not."""
        return self.answers and self.used and not self.epoch


def read_shards(now: datetime) -> list[Shard]:
    """RedisError when no server answers. Of a cluster with one away, that one's shards do not answer."""
    positions = dict(ShardPosition.objects.order_by("shard").values_list("shard", "stream_id"))
    commands: list[tuple[int, tuple[str | bytes | int, ...]]] = [
        (
            shard,
            ("EVAL", _READ, 3, keys.meta(shard), keys.stream(shard), keys.leases(shard), position, MOST + 1),
        )
        for shard, position in positions.items()
    ]
    answers = each(commands)
    now_ms = now.timestamp() * 1000
    return [
        _shard(shard, position, answer, now_ms)
        for (shard, position), answer in zip(positions.items(), answers, strict=True)
    ]


def _shard(number: int, position: str, answer: Any, now_ms: float) -> Shard:
    if isinstance(answer, RedisError):
        return Shard(number, answers=False)
    waiting, first, kept, leases, epoch, lost = answer
    oldest_ms = int(first.decode().partition("-")[0]) if first else now_ms
    return Shard(
        number,
        answers=True,
        used=bool(kept) or position != "0-0",
        epoch=epoch.decode(),
        waiting=waiting,
        oldest_s=max(0, round((now_ms - oldest_ms) / 1000)),
        kept=kept,
        leases=leases,
        lost_s=max(0, round(now_ms / 1000 - int(lost) / 1_000_000)) if lost else None,
    )
