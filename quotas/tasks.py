"""Leases that lapsed, refusals that wait, versions that were not published, models without a price."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from celery import shared_task
from django.conf import settings
from redis.exceptions import DataError, RedisError, ResponseError

from audit.models import ShardPosition
from orbit.lib import access
from orbit.lib.redis import Script
from orbit.lib.store import client, each
from quotas import adjusting, keys, recovery
from quotas.engine import LUA, ROUNDS, SETTLE, settlement, with_more
from quotas.journal import Entry, abandoned
from quotas.limits import Amounts
from quotas.receivers import price_targets, publish
from tenants.models import ApiKey, Installation, Organization

logger = logging.getLogger(__name__)

COLLECT = Script.load(LUA / "collect.lua")
LAPSED = """local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time[1] * 1000000 + time[2], 'LIMIT', 0, 1000)"""
POSTPONE = """local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000000 + time[2] + ARGV[2], ARGV[1])"""
POSTPONED_US = 3_600_000_000
# What a record raises that is not as we write them, and a store that refuses: see _is_of_record.
BROKEN = (DataError, ResponseError, ValueError, LookupError, TypeError, AttributeError)
REFUSALS = ("MISCONF", "NOREPLICAS", "BUSY")  # for which redis-py has no class
AT_ONCE = 500  # entries of a journal that are asked for
SWEEP_BACK = timedelta(minutes=2)
PRICE_BACK = timedelta(seconds=30)


@shared_task(name="quotas.tasks.reap", time_limit=60)
def reap() -> int:
    """Settles lapsed leases at what they reserved; returns how many."""
    return reap_shards(client(), range(_shards()))


def reap_shards(store: Any, shards: Sequence[int]) -> int:
    """One lease that cannot be ended keeps none of the others open; a store that refuses keeps only its own shards'.

    Raises what a store refused, once for all of its leases, when all shards have had their turn.
    """
    lapsed = each([(shard, ("EVAL", LAPSED, 1, keys.leases(shard))) for shard in shards])
    ended, refusal = 0, None
    for shard, due in zip(shards, lapsed, strict=True):
        if isinstance(due, RedisError):  # one server of a cluster is away
            continue
        try:
            for one in due:
                ended += _expired(store, shard, one)
        except ResponseError as error:
            refusal = error
    if refusal is not None:
        raise refusal
    return ended


def _expired(store: Any, shard: int, member: bytes) -> int:
    try:
        return expire(store, shard, member.decode())
    except BROKEN as error:
        if not _is_of_record(error):
            raise
        _postpone(store, shard, member)
        return 0


def _is_of_record(error: Exception) -> bool:
    """Whether one of BROKEN is of what was read, rather than the store's over every command (MISCONF, READONLY, OOM, …)."""
    if not isinstance(error, ResponseError):
        return True
    said = str(error)
    return type(error) is ResponseError and (
        said.startswith("WRONGTYPE") or ("user_script" in said and not said.startswith(REFUSALS))
    )


def _postpone(store: Any, shard: int, member: bytes) -> None:
    """Out of the way of those behind it: its record is not what RESERVE wrote, and will not be the next time."""
    logger.exception("lease %r of shard %s cannot be ended, and is tried again in an hour", member, shard)
    store.eval(POSTPONE, 1, keys.leases(shard), member, POSTPONED_US)


def expire(store: Any, shard: int, lease_id: str, now_us: str = "") -> int:
    """Ends one lapsed lease with the event that its reservation left; 1 when it did, 0 when somebody else had."""
    return int(_end(store, shard, lease_id, "expire", None, now_us) == "OK")


def _end(store: Any, shard: int, lease_id: str, mode: str, closing: bytes | None, now_us: str = "") -> str:
    """Settles a lease by its own record, as the reaper does, or for a worker that died before it could send it."""
    lease: Any = store.hgetall(keys.lease(shard, lease_id))
    counters, limits = _counters(lease)
    event = closing or b"{}"
    if lease and closing is None:
        event = orjson.dumps({**orjson.loads(lease[b"e"]), "admitted_us": int(lease[b"a"])})
    used = recovery.used_of(event)
    for _ in range(ROUNDS):
        script_keys, arguments = settlement(
            shard, lease_id, counters, limits, mode, event, used, Amounts(), now_us
        )
        reply: Any = store.eval(SETTLE.source, len(script_keys), *script_keys, *arguments)
        if reply[0] != b"MORE":
            break
        counters, limits = with_more(counters, limits, reply[2])
    outcome: str = reply[0].decode()
    return outcome


def _counters(lease: dict[bytes, bytes]) -> tuple[list[str], bytes]:
    """The counters that a lease holds and their limits, as reserve.lua wrote them down."""
    limits = lease.get(b"s", b"[]")
    names = lease.get(b"k", b"").decode().split("\n")
    held = [key for key, spec in zip(names, orjson.loads(limits), strict=False) if spec[0] != "r"]
    return with_more(held, limits, lease.get(b"x", b""))


@shared_task(name="quotas.tasks.take_in_adjustments", time_limit=120)
def take_in_adjustments() -> int:
    """Lets running windows count what was adjusted; returns how many counters are to start anew."""
    shards = range(_shards())
    noted = each([(shard, ("EXISTS", keys.adjusted(shard))) for shard in shards])
    return sum(adjusting.take_in(shard) for shard, there in zip(shards, noted, strict=True) if there == 1)


@shared_task(name="quotas.tasks.sweep_journals", time_limit=120)
def sweep_journals() -> int:
    """Settles what workers that are gone had left, and removes their journals once the ledger has it all.

    What neither ledger nor store has comes back at once by a rebuild of its shard: the next call there may be long in coming.
    """
    folder, removed, lacking = settings.ORBIT_DATA_DIR / "journals", 0, set[int]()
    with ExitStack() as locks:  # all are let go, whichever of them fails
        for journal in [locks.enter_context(one) for one in abandoned(folder)]:
            known = journal.entries()
            if not sum(_unbooked(known[at : at + AT_ONCE], lacking) for at in range(0, len(known), AT_ONCE)):
                journal.delete()
                removed += 1
    _in_turn(lambda shard: recovery.reopen(shard, folder), sorted(lacking))
    return removed


@shared_task(name="quotas.tasks.open_shards", time_limit=120)
def open_shards() -> int:
    """Rebuilds the shards that were closed, or lost by their store, and that nobody has called since; returns how many.

    What only the journals of living workers have of them would else wait for the next call there.
    """
    with access.ledger():  # a shard of which the ledger has nothing has no organization
        used = list(ShardPosition.objects.filter(shard_seq__gt=0).values_list("shard", flat=True))
    epochs = each([(shard, ("HGET", keys.meta(shard), "epoch")) for shard in used])
    closed = [shard for shard, epoch in zip(used, epochs, strict=True) if epoch is None]
    folder = settings.ORBIT_DATA_DIR / "journals"
    return _in_turn(lambda shard: recovery.rebuild(shard, "", folder), closed)


def _in_turn(work: Callable[[int], bool | None], shards: Sequence[int]) -> int:
    """Of how many it was true. A shard that fails keeps none of the others waiting: the first failure is raised at the end."""
    done, failures = 0, list[Exception]()
    for shard in shards:
        try:
            done += bool(work(shard))
        except Exception as error:
            logger.warning("shard %s could not be opened: %s", shard, type(error).__name__)
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def _unbooked(known: Sequence[Entry], lacking: set[int]) -> int:
    """Of how many the ledger has not what a dead worker knew; `lacking` gets the shards whose store has lost some of it.

    Asks for all at once: a worker leaves thousands.
    """
    store = client()
    leases = each([(one.shard, ("EXISTS", keys.lease(one.shard, one.lease_id))) for one in known])
    for one, is_open in zip(known, leases, strict=True):
        if is_open == 1 and one.closing is not None:
            _settle_for(store, one, one.closing)
    ends = each([(one.shard, ("GET", keys.tombstone(one.shard, one.lease_id))) for one in known])
    with access.ledger():
        booked = recovery.in_ledger(one.lease_id for one in known)
    left = 0
    for one, is_open, ended in zip(known, leases, ends, strict=True):
        found = booked.get(one.lease_id)
        if found is not None and not (found.lapsed and one.closing):
            continue
        left += 1
        if isinstance(is_open, RedisError) or isinstance(ended, RedisError):
            continue  # one server of a cluster is away
        if (found is not None and ended != b"settled") or (found is None and not is_open and not ended):
            lacking.add(one.shard)
    return left


def _settle_for(store: Any, entry: Entry, closing: bytes) -> None:
    """For a worker that died before it could."""
    try:
        _end(store, entry.shard, entry.lease_id, "settle", closing)
    except BROKEN as error:
        if not _is_of_record(error):
            raise
        logger.exception("lease %s of shard %s cannot be settled", entry.lease_id, entry.shard)


@shared_task(name="quotas.tasks.collect_refusals", time_limit=60)
def collect_refusals() -> int:
    """Turns the counts of past minutes' refusals into events."""
    counts = each(
        [
            (shard, ("EVAL", COLLECT.source, 2, keys.refused(shard), keys.stream(shard), ""))
            for shard in range(_shards())
        ]
    )
    return sum(one for one in counts if not isinstance(one, RedisError))


@shared_task(name="quotas.tasks.sweep_versions", time_limit=60)
def sweep_versions() -> int:
    """Publishes what changed lately once more, should a process have died between commit and publication."""
    since = datetime.now(UTC) - SWEEP_BACK
    with access.operator():
        changed = [
            (shard, keys.version(shard, str(pk)), version)
            for pk, shard, version in Organization.objects.filter(changed_at__gte=since).values_list(
                "pk", "shard", "version"
            )
        ]
        changed += [
            (shard, keys.generation(shard, str(pk)), generation)
            for pk, shard, generation in ApiKey.objects.filter(changed_at__gte=since).values_list(
                "pk", "organization__shard", "generation"
            )
        ]
    if changed:
        publish(changed)
    return len(changed)


@shared_task(name="quotas.tasks.price_new_models", time_limit=120)
def price_new_models() -> int:
    """Looks up the models of organizations that changed lately; returns of how many organizations.

    For web workers, where pages and the API change them: what the package knows takes seconds and a hundred megabytes
    to load, while they answer calls. Whoever died before it came to that changes nothing either.
    """
    with access.operator():
        since = datetime.now(UTC) - PRICE_BACK
        changed = list(Organization.objects.filter(changed_at__gte=since).values_list("pk", flat=True))
    for organization_id in changed:
        price_targets(organization_id)
    return len(changed)


def _shards() -> int:
    return Installation.objects.get().shards
