"""The ledger's work in the background."""

from __future__ import annotations

import time

from celery import shared_task
from django.db import connections
from redis.exceptions import RedisError

from audit import ledger
from audit.checkpoints import signer
from audit.models import OutboxEntry, ShardPosition
from orbit.lib import access
from orbit.lib.store import client, each

ROUNDS = 100  # of one run; what is left, the next run takes
SIGNING_S = 150  # after which no further checkpoint is begun


@shared_task(name="audit.tasks.write_ledger", time_limit=120)
def write_ledger() -> int:
    """Moves waiting events of every shard into the ledger."""
    store = client()
    moved = 0
    for shard in waiting_shards():
        for _ in range(ROUNDS):
            one = ledger.write_shard(store, shard)
            moved += one
            if one < ledger.BATCH:
                break
    return moved


@shared_task(name="audit.tasks.make_partitions", time_limit=120)
def make_partitions() -> None:
    """Makes the ledger's partitions of the coming months."""
    with access.ledger(), connections["ledger"].cursor() as cursor:
        cursor.execute("SELECT audit_make_partitions(3)")


@shared_task(name="audit.tasks.sign_checkpoint", time_limit=280)
def sign_checkpoint() -> int:
    """Signs what came since the last checkpoint; what one does not hold, further ones do. Returns how many there were."""
    ends, signed, more = time.monotonic() + SIGNING_S, 0, True
    while more and time.monotonic() < ends:
        made, more = signer.sign()
        signed += made is not None
    return signed


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
