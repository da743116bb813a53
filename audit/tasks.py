"""The ledger's work in the background."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from celery import shared_task

from audit import backlog, incidents, ledger, retention, trimming
from audit.checkpoints import signer
from orbit.lib.store import client

logger = logging.getLogger(__name__)

RUN_S = 20  # of one run; what is left, the next run takes
SIGNING_S = 150  # after which no further checkpoint is begun


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
            if backlog.pressed():
                trimming.make_room(ledger.positions())
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
    retention.make_ahead()


@shared_task(name="audit.tasks.drop_partitions", time_limit=3600)
def drop_partitions() -> None:
    """Drops the ledger's months whose retention is over."""
    retention.drop_due(datetime.now(UTC))


@shared_task(name="audit.tasks.watch_ledger", time_limit=60)
def watch_ledger() -> None:
    """Tells operators once when the ledger cannot follow, and once when it can again."""
    incidents.watch()


@shared_task(name="audit.tasks.sign_checkpoint", time_limit=280)
def sign_checkpoint() -> int:
    """Signs what came since the last checkpoint; what one does not hold, further ones do. Returns how many there were."""
    ends, signed, more = time.monotonic() + SIGNING_S, 0, True
    while more and time.monotonic() < ends:
        made, more = signer.sign()
        signed += made is not None
    return signed


def waiting_shards() -> list[int]:
    """Shards with something in the stream behind their position, or in the outbox. Leaves out those that cannot be asked."""
    return [one.shard for one in backlog.survey() if one.any]


def drained(shard: int) -> bool:
    """Whether the ledger holds everything that the shard's stream and outbox held."""
    return shard not in waiting_shards()
