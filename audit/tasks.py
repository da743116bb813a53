"""The ledger's work in the background."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.db import connections
from redis.exceptions import RedisError

from audit import ledger
from audit.models import OutboxEntry, ShardPosition
from orbit.lib import access
from orbit.lib.store import client, each

logger = logging.getLogger(__name__)

RUN_S = 20  # of one run; what is left, the next run takes


@shared_task(name="audit.tasks.write_ledger", time_limit=120)
def write_ledger() -> int:
    """Moves waiting events of every shard into the ledger.

    Each round gives every waiting shard one batch, so that nobody waits behind another shard's flood. Runs
    that overlap take different shards, since each is one writer's.
    """
    ends = time.monotonic() + RUN_S
    moved = 0
    while True:
        this_round = sum(map(_write_one, waiting_shards()))
        moved += this_round
        if not this_round or time.monotonic() > ends:
            return moved


def _write_one(shard: int) -> int:
    try:
        return ledger.write_shard(client(), shard)
    except Exception:  # the other shards' events must not wait for it
        logger.exception("shard %s is not written", shard)
        return 0


@shared_task(name="audit.tasks.make_partitions", time_limit=120)
def make_partitions() -> None:
    """Makes the ledger's partitions of the coming months."""
    with access.ledger(), connections["ledger"].cursor() as cursor:
        cursor.execute("SELECT audit_make_partitions(3)")


def waiting_shards() -> list[int]:
    """Shards with something in the stream behind their position, or in the outbox."""
    with access.ledger():
        positions = dict(ShardPosition.objects.values_list("shard", "stream_id"))
        acts = set(OutboxEntry.objects.values_list("shard", flat=True).distinct())
    found = each(
        [
            (shard, ("XRANGE", ledger.stream_key(shard), f"({position}", "+", "COUNT", 1))
            for shard, position in positions.items()
        ]
    )
    return [
        shard
        for shard, entries in zip(positions, found, strict=True)
        if not isinstance(entries, RedisError) and (entries or shard in acts)  # else its server is away
    ]


def drained(shard: int) -> bool:
    """Whether the ledger holds everything that the shard's stream and outbox held."""
    return shard not in waiting_shards()
