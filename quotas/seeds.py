"""Counters that start: from the ledger, the events that it has not read, and the leases that are open.

A window begins, a limit is made or changed, an end user comes for the first time, a store has lost its data: all
meet a counter that does not exist, and all go this way (docs/decisions/0005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from orbit.lib.store import client, each, time_us
from quotas import keys, usage
from quotas.chain import Unseeded, kind_of, mark_identity
from quotas.engine import KEPT_MS, SEED
from quotas.limits import ANY_USER, FOREVER, SMOOTH_US, Limit, Window, user_digest

Spent = Callable[[int, str, Limit, Window, bool], usage.Spent]


@dataclass(frozen=True, slots=True)
class Open:
    """A lease that is open, and the event that it left."""

    id: str
    event: dict[str, Any]
    moves: bytes  # how often it was moved to another target


def seed(
    shard: int, organization_id: str, missing: Unseeded, spent: Spent = usage.spent, now_us: int | None = None
) -> None:
    """Starts a counter, or those of every end user who has a figure. Set once, whoever comes first.

    Does nothing while the shard is closed.
    """
    stamp, lost_us = _stamp(shard)
    limit, now_us = missing.limit, now_us or time_us(shard)
    span = missing.window or remembered(limit, lost_us, now_us)
    by_settlement = kind_of(limit) == "t"
    reading = None if span is None else spent(shard, organization_id, limit, span, by_settlement)
    counting = missing.window if kind_of(limit) != "r" else span
    leases = [one for one in open_leases(shard) if usage.covers(limit, counting, organization_id, one.event)]
    work = _Seeding(shard, missing, stamp, reading, leases, now_us)
    while (outcome := work.run()) == b"MOVED":
        assert reading is not None
        reading.read_on()  # a lease that ended meanwhile is in the stream, and no longer open
    if outcome == b"COLD" and _stamp(shard)[0]:
        seed(shard, organization_id, missing, spent, now_us)


def remembered(limit: Limit, lost_us: int, now_us: int) -> Window | None:
    """How far back a smooth window remembers, when it may have lost something of that; else None."""
    if not limit.smooth or limit.per is None:
        return None
    burst = max(limit.burst, limit.raised.burst if limit.raised else 0)
    drains_us = -(-burst * SMOOTH_US[limit.per] // limit.limit)
    return Window(now_us - drains_us, FOREVER.end) if now_us < lost_us + drains_us else None


def _stamp(shard: int) -> tuple[str, int]:
    """The epoch with the count of restored leases, "" for a closed shard; and when counters were last lost."""
    found: Any = client().hmget(keys.meta(shard), "epoch", "restored", "lost")
    epoch, restored, lost = found
    return f"{epoch.decode()}:{int(restored or 0)}" if epoch else "", int(lost or 0)


@dataclass(frozen=True, slots=True)
class _Seeding:
    shard: int
    missing: Unseeded
    stamp: str
    reading: usage.Spent | None
    leases: list[Open]
    now_us: int
    done: set[str] = field(default_factory=set)  # end users who have their counter

    def run(self) -> bytes:
        limit, used = self.missing.limit, self.reading.used if self.reading else {}
        if limit.user != ANY_USER:
            return self._counter(limit, self.reading.total if self.reading else 0, self.leases)
        by_user: dict[str, list[Open]] = {}
        for one in self.leases:
            by_user.setdefault(user_digest(one.event.get("end_user")), []).append(one)
        for user in (used.keys() | by_user.keys()) - self.done:
            outcome = self._counter(replace(limit, user=user), used.get(user, 0), by_user.get(user, []))
            if outcome in (b"MOVED", b"COLD"):
                return outcome
            self.done.add(user)
        return self._run(keys.mark(self.shard, mark_identity(limit), self._start()), [], 0, b"")

    def _counter(self, limit: Limit, used: int, leases: list[Open]) -> bytes:
        key = keys.counter(self.shard, limit.counter, self._start())
        if kind_of(limit) == "r":  # counts calls as they are admitted: those in flight too
            return self._run(key, [], used + len(leases), self.missing.spec)
        return self._run(key, leases, used, self.missing.spec)

    def _run(self, key: str, leases: list[Open], used: int, spec: bytes) -> bytes:
        held_by = [keys.lease(self.shard, one.id) for one in leases]
        script_keys = [keys.stream(self.shard), keys.meta(self.shard), key, *held_by]
        position = self.reading.position if self.reading else ""
        window = self.missing.window
        expires = "" if window is None else str(window.end // 1000 + KEPT_MS)
        reply: Any = client().eval(
            SEED.source,
            len(script_keys),
            *script_keys,
            position,
            used,
            expires,
            spec,
            self.stamp,
            self.now_us,
            *(one.moves for one in leases),
        )
        outcome: bytes = reply
        return outcome

    def _start(self) -> int | None:
        window = self.missing.window
        return window.start if window else None


def open_leases(shard: int) -> list[Open]:
    """Every lease that is open on a shard."""
    store = client()
    ids: Any = store.zrange(keys.leases(shard), 0, -1)
    found = []
    for start in range(0, len(ids), 500):
        some = [one.decode() for one in ids[start : start + 500]]
        fields = each([(shard, ("HMGET", keys.lease(shard, one), "e", "a", "m")) for one in some])
        for one, (event, admitted, moves) in zip(some, fields, strict=True):
            if event is not None and admitted is not None:
                found.append(Open(one, {**orjson.loads(event), "admitted_us": int(admitted)}, moves or b""))
    return found
