"""Leases that lapsed, refusals that wait, versions that were not published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from celery import shared_task
from redis import Redis

from orbit.lib import access
from orbit.lib.redis import Script
from orbit.lib.store import client
from quotas import keys
from quotas.chain import Held
from quotas.engine import LUA, SETTLE, settlement
from quotas.receivers import publish
from tenants.models import ApiKey, Installation, Organization

COLLECT = Script.load(LUA / "collect.lua")
SWEEP_BACK = timedelta(minutes=2)


@shared_task(name="quotas.tasks.reap", time_limit=60)
def reap() -> int:
    """Settles lapsed leases at what they reserved; returns how many."""
    store = client()
    now = _store_now_us(store)
    pipeline = store.pipeline(transaction=False)
    shards = range(_shards())
    for shard in shards:
        pipeline.zrangebyscore(keys.leases(shard), "-inf", now, start=0, num=1000)
    found: list[Any] = pipeline.execute()
    return sum(
        expire(store, shard, one.decode()) for shard, due in zip(shards, found, strict=True) for one in due
    )


def expire(store: Redis, shard: int, lease_id: str) -> int:
    """Ends one lapsed lease with the event that its reservation left; 1 when it did, 0 when somebody else had."""
    lease: Any = store.hgetall(keys.lease(shard, lease_id))
    held = [_held(line) for line in lease.get(b"c", b"").decode().split("\n") if line]
    event = b"{}"
    if lease:
        event = orjson.dumps({**orjson.loads(lease[b"e"]), "admitted_us": int(lease[b"a"])})
    script_keys, arguments = settlement(
        shard,
        lease_id,
        [(one, 0 if one.kind == "k" else one.amount) for one in held],
        mode="expire",
        event=event,
        epoch=lease.get(b"p", b"").decode(),
    )
    reply: Any = store.eval(SETTLE.source, len(script_keys), *script_keys, *arguments)
    return int(reply[0] == b"OK")


def _held(line: str) -> Held:
    """One counter as reserve.lua wrote it down; the key holds no space."""
    kind, key, amount, limit, period = line.split(" ")
    return Held(kind, key, int(amount), int(limit), int(period), "")


@shared_task(name="quotas.tasks.collect_refusals", time_limit=60)
def collect_refusals() -> int:
    """Turns the counts of past minutes' refusals into events."""
    pipeline = client().pipeline(transaction=False)
    for shard in range(_shards()):
        pipeline.eval(COLLECT.source, 2, keys.refused(shard), keys.stream(shard), "")
    return sum(pipeline.execute())


@shared_task(name="quotas.tasks.sweep_versions", time_limit=60)
def sweep_versions() -> int:
    """Publishes what changed lately once more, should a process have died between commit and publication."""
    since = datetime.now(UTC) - SWEEP_BACK
    with access.operator():
        changed = [
            (keys.version(shard, str(pk)), version)
            for pk, shard, version in Organization.objects.filter(changed_at__gte=since).values_list(
                "pk", "shard", "version"
            )
        ]
        changed += [
            (keys.generation(shard, str(pk)), generation)
            for pk, shard, generation in ApiKey.objects.filter(changed_at__gte=since).values_list(
                "pk", "organization__shard", "generation"
            )
        ]
    if changed:
        publish(changed)
    return len(changed)


def _store_now_us(store: Redis) -> int:
    seconds, micros = store.time()
    return int(seconds) * 1_000_000 + int(micros)


def _shards() -> int:
    return Installation.objects.get().shards
