"""A shard whose counters are not to be trusted: closed, rebuilt once, opened with a new epoch.

Its counters are dropped, so that each is seeded again when it is met: from the ledger, the events that it has not
read, and the open leases (`quotas.seeds`). What the store has lost of events and leases comes from the workers' journals.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connections
from redis import exceptions

from audit.ledger import correction_id
from audit.models import DeadLetter, Event, ShardPosition
from orbit.lib import access
from orbit.lib.store import client, run_of, scan
from quotas import keys
from quotas.engine import OPEN, RESTORE, SETTLE, TOMBSTONE_MS, Booked, call_keys, settlement
from quotas.journal import Entry, entries
from quotas.limits import Amounts

logger = logging.getLogger(__name__)

LOCK = 0x0B18  # first half of the advisory lock; the second is the shard
NOTHING_READ = "0-0"
SKEW_MS = 60_000  # by which the clocks of two servers may differ
AT_ONCE = 1000  # entries of a stream, or of a journal


def behind(shard: int) -> bool:
    """Whether the store's stream ends before what the ledger has read of it: an old copy, or an empty one."""
    with access.ledger():
        position = ShardPosition.objects.get(shard=shard).stream_id
    return _order(_last_id(shard)) < _order(position)


def rebuild(shard: int, given_up: str, journals: Path) -> bool:
    """Opens a shard anew, unless somebody else has. `given_up` is the epoch not to be trusted, "" for none."""
    with access.ledger():
        with connections["ledger"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, shard])
        store = client()
        epoch: Any = store.hget(keys.meta(shard), "epoch")
        if (epoch or b"").decode() != given_up:
            return False
        store.hdel(keys.meta(shard), "epoch")  # closed for everybody
        position = ShardPosition.objects.get(shard=shard).stream_id
        known = entries(journals, shard)
        lost = bool(given_up) or position != NOTHING_READ or bool(known)
        logger.log(
            logging.WARNING if lost else logging.INFO,  # a fresh store is no trouble
            "shard %s has no counters to be trusted: it starts from the ledger and %s journal entries",
            shard,
            len(known),
        )
        run = run_of(shard)
        _drop_counters(shard)
        _go_on_after(shard, position)
        _bring_back(shard, position, known)
        _forget_ended(shard)
        if run_of(shard) != run:
            raise exceptions.ConnectionError("the store started anew meanwhile")
        store.eval(OPEN.source, 1, keys.meta(shard), "", secrets.token_hex(8), "1" if lost else "", run)
    return True


def reopen(shard: int, journals: Path) -> None:
    """Drops the shard's counters, so that each starts from what the ledger says by now."""
    epoch: Any = client().hget(keys.meta(shard), "epoch")
    rebuild(shard, (epoch or b"").decode(), journals)


def booked(organization_id: str, lease_id: str) -> Booked | None:
    """What the ledger says of a call; None when it has no event of it."""
    with access.scope(organization_id=UUID(organization_id)):
        return in_ledger([lease_id]).get(str(UUID(lease_id)))


def _drop_counters(shard: int) -> None:
    store = client()
    for pattern in keys.patterns(shard):
        some: list[bytes] = []
        for key in scan(shard, pattern):
            some.append(key)
            if len(some) == 1000:
                store.unlink(*some)
                some.clear()
        if some:
            store.unlink(*some)


def _last_id(shard: int) -> str:
    store = client()
    if not store.exists(keys.stream(shard)):
        return NOTHING_READ
    found: Any = store.xinfo_stream(keys.stream(shard))
    last: bytes = found["last-generated-id"]
    return last.decode()


def _order(stream_id: str) -> tuple[int, int]:
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number or 0)


def _go_on_after(shard: int, position: str) -> None:
    """Lets the stream's ids go on after what the ledger has read, also where the new store's clock is behind."""
    last, (milliseconds, number) = _order(_last_id(shard)), _order(position)
    if last < (milliseconds, number):
        client().xadd(keys.stream(shard), {"k": "mark"}, id=f"{milliseconds}-{number + 1}")
    _pass_again(shard, max(0, min(last[0], milliseconds) - SKEW_MS), position)


def _pass_again(shard: int, since_ms: int, position: str) -> None:
    """Settlements go to a new server before anybody rebuilds. While its clock is behind they get ids that the ledger
    takes for read: those come once more, under ids that it has not passed."""
    store, start = client(), str(since_ms)
    while True:
        some: Any = store.xrange(keys.stream(shard), min=start, max=position, count=AT_ONCE)
        if not some:
            return
        start = f"({some[-1][0].decode()}"
        ended = {stream_id.decode(): call for stream_id, fields in some if (call := _call_of(fields))}
        found = in_ledger(set(ended.values()))
        for stream_id, fields in some:
            booked = found.get(ended.get(stream_id.decode(), ""))
            lacks = booked is None or (booked.lapsed and fields[b"k"] == b"late")
            if stream_id.decode() in ended and lacks and not _is_buried(shard, stream_id.decode()):
                store.xadd(keys.stream(shard), fields)


def _call_of(fields: dict[bytes, bytes]) -> str | None:
    """The call whose end an entry of the stream tells; None for any other, and for one that cannot be read."""
    if fields.get(b"k") not in (b"call", b"late"):
        return None
    try:
        return str(UUID(orjson.loads(fields[b"e"])["event_id"]))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _is_buried(shard: int, stream_id: str) -> bool:
    return DeadLetter.objects.filter(shard=shard, stream_id=stream_id).exists()


def _bring_back(shard: int, position: str, known: Sequence[Entry]) -> None:
    """Events and leases of the journals that neither the ledger nor the store has."""
    if not known:
        return
    unread = _unread(shard, position)
    for start in range(0, len(known), AT_ONCE):
        some = known[start : start + AT_ONCE]
        found = in_ledger(one.lease_id for one in some)
        for one in some:
            if one.lease_id not in unread:
                _bring_back_one(shard, one, found.get(one.lease_id))


def _bring_back_one(shard: int, entry: Entry, ledger: Booked | None) -> None:
    store = client()
    script_keys = call_keys(shard, entry.lease_id)
    if entry.closing is not None and ledger is None:
        store.eval(RESTORE.source, 5, *script_keys, "", "event", entry.lease_id, entry.closing, TOMBSTONE_MS)
    elif entry.closing is not None and ledger is not None and ledger.lapsed:
        script_keys, arguments = settlement(
            shard, entry.lease_id, [], b"[]", "late", entry.closing, used_of(entry.closing), ledger.amounts
        )
        store.eval(SETTLE.source, len(script_keys), *script_keys, *arguments)
    elif entry.opening is not None and ledger is None:
        event = orjson.loads(entry.opening)
        held = used_of(entry.opening)
        store.eval(
            RESTORE.source, 5, *script_keys, "", "lease", entry.lease_id, entry.opening, settings.ORBIT_LEASE_S * 1_000_000,
            event["admitted_us"], held.input_tokens, held.output_tokens, held.cost_nano, "[]",
        )  # fmt: skip


def _forget_ended(shard: int) -> None:
    """Closes leases that an older copy of the store still has open although the ledger has their end."""
    store = client()
    ids: Any = store.zrange(keys.leases(shard), 0, -1)
    for start in range(0, len(ids), AT_ONCE):
        for lease_id, found in in_ledger(one.decode() for one in ids[start : start + AT_ONCE]).items():
            charged = found.amounts
            ended = f"expired {charged.input_tokens} {charged.output_tokens} {charged.cost_nano}\n"
            store.set(keys.tombstone(shard, lease_id), ended if found.lapsed else "settled", px=TOMBSTONE_MS)
            store.delete(keys.lease(shard, lease_id))
            store.zrem(keys.leases(shard), lease_id)


def used_of(event: bytes) -> Amounts:
    """What an event says was used, or, of an opening one, is held."""
    found = orjson.loads(event)
    return Amounts(
        found.get("input_tokens") or 0, found.get("output_tokens") or 0, found.get("cost_nano") or 0
    )


def _unread(shard: int, position: str) -> set[str]:
    """The calls of which the stream has an event that the ledger has not read."""
    store, found = client(), set[str]()
    while True:
        some: Any = store.xrange(keys.stream(shard), min=f"({position}", count=AT_ONCE)
        if not some:
            return found
        for stream_id, fields in some:
            position = stream_id.decode()
            if (call := _call_of(fields)) is not None:
                found.add(call)


def in_ledger(ids: Iterable[str]) -> dict[str, Booked]:
    """What the ledger says of these calls, of those that it has; in the scope of its writer or of their organization.

    An adjustment does not tell how a call ended: a new price or the provider's bill keeps no late word out. Should the
    bill have settled a lapsed call before the word comes, both are booked, and the next reconciliation shows the excess.
    """
    rows = list(
        Event.objects.filter(event_id__in=[UUID(one) for one in ids], kind="call").values_list(
            "event_id", "status", "input_tokens", "output_tokens", "cost_nano"
        )
    )
    lapsed = _uncorrected([str(event_id) for event_id, status, *_ in rows if status == "lease_expired"])
    return {
        str(event_id): Booked(str(event_id) in lapsed, Amounts(given or 0, made or 0, cost or 0))
        for event_id, _, given, made, cost in rows
    }


def _uncorrected(lapsed: Sequence[str]) -> set[str]:
    """Those of which nobody has told the end. Found by id: what an event corrects is in no index, and the ledger is long."""
    corrections = {correction_id(one): one for one in lapsed}
    if not corrections:
        return set()
    there = Event.objects.filter(event_id__in=list(corrections), kind="correction")
    return set(lapsed) - {corrections[one] for one in there.values_list("event_id", flat=True)}
