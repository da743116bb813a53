"""Reserve, renew, settle: each one script on the organization's shard, each one round trip."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orbit.lib.redis import Argument, RedisLink, Script
from quotas import keys
from quotas.limits import SMOOTH_US, Amounts, Calendar, Limit, Window, window_at

LUA = Path(__file__).parent / "lua"
RESERVE, SETTLE, RENEW, SEED, PUBLISH, OPEN = (
    Script.load(LUA / f"{name}.lua") for name in ("reserve", "settle", "renew", "seed", "publish", "open")
)
TOMBSTONE_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Chain:
    """Every limit that applies to one key and model, with all that RESERVE needs besides the amounts.

    `windows` holds, for a calendar limit, this window and the next one; the script's clock picks.
    """

    shard: int
    organization_id: str
    key_id: str
    limits: tuple[Limit, ...]
    windows: tuple[tuple[Window, Window] | None, ...]

    @classmethod
    def at(
        cls,
        shard: int,
        organization_id: str,
        key_id: str,
        limits: Sequence[Limit],
        calendar: Calendar,
        now_us: int,
    ) -> Chain:
        return cls(
            shard,
            organization_id,
            key_id,
            tuple(limits),
            tuple(_windows(one, calendar, now_us) for one in limits),
        )

    @property
    def valid_until(self) -> int:
        """The moment after which the windows must be looked up again, in microseconds."""
        return min((pair[1].end for pair in self.windows if pair), default=2**53)


def _windows(limit: Limit, calendar: Calendar, now_us: int) -> tuple[Window, Window] | None:
    if limit.per is None or limit.smooth:
        return None
    current = window_at(limit.per, calendar, now_us)
    following = current if limit.per == "total" else window_at(limit.per, calendar, current.end)
    return current, following


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit right after a decision, in its own unit. `resets_at` in microseconds, None when unknown."""

    limit: Limit
    window: Window | None
    spent: int
    held: int
    held_calls: int | None
    resets_at: int | None

    @property
    def ceiling(self) -> int:
        return self.limit.burst if self.limit.smooth else self.limit.limit

    @property
    def free(self) -> int:
        return max(0, self.ceiling - self.spent - self.held)


@dataclass(frozen=True, slots=True)
class Held:
    """What one lease took from one counter."""

    kind: str
    key: str
    amount: int
    limit: int
    period: int
    meter: str


@dataclass(frozen=True, slots=True)
class Lease:
    id: str
    shard: int
    epoch: str
    admitted_us: int
    held: tuple[Held, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    standing: Standing
    retry_at_us: int | None
    now_us: int


class Stale(Exception):
    """There is a newer version of the snapshot, or of the key."""


class OutsideWindows(Exception):
    """The store's clock is in neither of the windows that the chain was made with; `Engine.clock_us` now knows."""


class Cold(Exception):
    """The shard's counters are not to be trusted; `epoch` is the one to give up."""

    def __init__(self, epoch: str) -> None:
        super().__init__(epoch)
        self.epoch = epoch


@dataclass(frozen=True, slots=True)
class Unseeded:
    """A calendar counter that does not exist yet."""

    limit: Limit
    window: Window


class Missing(Exception):
    """Calendar counters must be seeded before anything can be reserved."""

    def __init__(self, counters: list[Unseeded]) -> None:
        super().__init__(f"{len(counters)} counters")
        self.counters = counters


# Finds what was used of an object's window: (shard, organization, counter) to (used, last stream id read).
Seeds = Callable[[int, str, Unseeded], Awaitable[tuple[int, str]]]


@dataclass
class Engine:
    """The scripts over one connection. `seen` is each shard's epoch and highest sequence in this process."""

    link: RedisLink
    lease_us: int
    seen: dict[int, tuple[str, int]] = field(default_factory=dict)
    now_us: str = ""  # a test passes its own clock
    offset_us: int = 0  # what the store's clock was ahead when it mattered

    def clock_us(self) -> int:
        """The store's time as this process knows it, to look windows up by; the script decides."""
        return time.time_ns() // 1000 + self.offset_us

    async def reserve(
        self,
        chain: Chain,
        *,
        lease_id: str,
        amounts: Amounts,
        version: int,
        generation: int,
        event: bytes,
        refusal: bytes,
        rough: bool,
    ) -> Lease | Refusal:
        """Takes `amounts` from every limit of the chain, or from none. Raises Stale, OutsideWindows, Cold or Missing.

        `event` is what the reaper writes should this worker die; `refusal` describes the caller in the count
        of refusals. `rough` says that the amounts are an upper bound that may be refined.
        """
        epoch, seq = self.seen.get(chain.shard, ("", 0))
        script_keys = [
            keys.meta(chain.shard),
            keys.version(chain.shard, chain.organization_id),
            keys.generation(chain.shard, chain.key_id),
            keys.lease(chain.shard, lease_id),
            keys.leases(chain.shard),
            keys.refused(chain.shard),
        ]
        arguments: list[Argument] = [
            self.now_us, epoch, seq, version, generation, lease_id, self.lease_us, event, refusal,
            "1" if rough else "", len(chain.limits),
        ]  # fmt: skip
        for limit, pair in zip(chain.limits, chain.windows, strict=True):
            _add_limit(script_keys, arguments, chain.shard, limit, pair, amounts)
        reply = await self.link.run(RESERVE, script_keys, arguments)
        return self._decision(chain, lease_id, amounts, reply)

    def _decision(self, chain: Chain, lease_id: str, amounts: Amounts, reply: list[Any]) -> Lease | Refusal:
        outcome = reply[0]
        if outcome == b"OK":
            now, epoch = int(reply[1]), reply[2].decode()
            self._saw(chain.shard, epoch, int(reply[3]))
            standings, held = _taken(chain, amounts, reply[4:], now)
            return Lease(lease_id, chain.shard, epoch, now, held, standings)
        if outcome == b"REFUSED":
            now, index, used, holding, calls, retry = int(reply[1]), int(reply[4]) - 1, *map(int, reply[5:9])
            self._saw(chain.shard, reply[2].decode(), int(reply[3]))
            limit = chain.limits[index]
            standing = _standing(limit, chain.windows[index], now, used, holding, calls)
            return Refusal(standing, retry or None, now)
        if outcome == b"MISSING":
            pairs = zip(reply[1::2], reply[2::2], strict=True)
            raise Missing([_unseeded(chain, int(i) - 1, int(w)) for i, w in pairs])
        if outcome == b"WINDOW":
            self.offset_us = int(reply[1]) - time.time_ns() // 1000
            raise OutsideWindows
        if outcome == b"COLD":
            raise Cold(reply[1].decode())
        raise Stale(outcome.decode())

    def _saw(self, shard: int, epoch: str, seq: int) -> None:
        known = self.seen.get(shard)
        if known is None or known[0] != epoch or known[1] < seq:
            self.seen[shard] = (epoch, seq)

    async def settle(self, lease: Lease, *, used: Amounts, event: bytes) -> str:
        """Replaces the reservation by what was used and appends the event. Safe to repeat.

        Returns OK, DONE, LATE or ORPHAN, see settle.lua.
        """
        reply = await self.link.run(SETTLE, *self._settlement(lease, used, event))
        outcome: str = reply[0].decode()
        return outcome

    def post_settlement(self, lease: Lease, *, used: Amounts, event: bytes) -> asyncio.Future[Any]:
        """The same, sent before this returns, so that it reaches the store before the client's next call can."""
        return self.link.post(SETTLE, *self._settlement(lease, used, event))

    def _settlement(self, lease: Lease, used: Amounts, event: bytes) -> tuple[list[str], list[Argument]]:
        return settlement(
            lease.shard,
            lease.id,
            [(one, 0 if one.kind == "k" else used.of(one.meter)) for one in lease.held],
            mode="settle",
            event=event,
            epoch=lease.epoch,
            now_us=self.now_us,
        )

    async def renew(self, shard: int, lease_ids: Sequence[str]) -> list[str]:
        """Prolongs leases; returns those that are no longer open."""
        gone = await self.link.run(RENEW, [keys.leases(shard)], [self.now_us, self.lease_us, *lease_ids])
        return [one.decode() for one in gone]

    async def publish(self, key: str, value: int) -> int:
        """Makes a version or generation known if it is newer; returns the newest."""
        return int(await self.link.run(PUBLISH, [key], [value]))

    async def current(self, shard: int, organization_id: str, key_id: str) -> tuple[int, int] | None:
        """The newest version and generation, for requests that reserve nothing. None when unknown."""
        found = await self.link.call(
            "MGET", keys.version(shard, organization_id), keys.generation(shard, key_id)
        )
        return (int(found[0]), int(found[1])) if None not in found else None

    async def seed(self, shard: int, organization_id: str, counter: Unseeded, seeds: Seeds) -> None:
        """Starts a counter with what was already used in its window."""
        key = keys.counter(shard, counter.limit.counter, counter.window.start)
        for _ in range(20):
            used, position = await seeds(shard, organization_id, counter)
            expires_ms = counter.window.end // 1000 + 2 * 86_400_000
            if await self.link.run(SEED, [keys.stream(shard), key], [position, used, expires_ms]) != b"MOVED":
                return

    async def open(self, shard: int, given_up: str) -> None:
        """Starts a shard whose counters were lost: all are dropped, to be seeded from the ledger as they are met."""
        if not await self.link.call("SET", keys.opening(shard), 1, "NX", "PX", 10_000):
            await asyncio.sleep(0.05)  # another worker is at it
            return
        try:
            if given_up and await self.link.call("HGET", keys.meta(shard), "epoch") == given_up.encode():
                await self._drop_counters(shard)
            await self.link.run(OPEN, [keys.meta(shard)], [given_up, secrets.token_hex(8)])
        finally:
            await self.link.call("DEL", keys.opening(shard))
        self.seen.pop(shard, None)

    async def _drop_counters(self, shard: int) -> None:
        cursor = "0"
        while True:
            found = await self.link.call("SCAN", cursor, "MATCH", keys.counters(shard), "COUNT", 1000)
            cursor = found[0].decode()
            if found[1]:
                await self.link.call("UNLINK", *found[1])
            if cursor == "0":
                return


def settlement(
    shard: int,
    lease_id: str,
    held: Sequence[tuple[Held, int]],
    *,
    mode: str,
    event: bytes | str,
    epoch: str,
    now_us: str = "",
) -> tuple[list[str], list[Argument]]:
    """Keys and arguments of settle.lua; `held` pairs each counter with what was used of it."""
    script_keys = [
        keys.meta(shard),
        keys.lease(shard, lease_id),
        keys.leases(shard),
        keys.tombstone(shard, lease_id),
        keys.stream(shard),
    ]
    arguments: list[Argument] = [now_us, mode, lease_id, event, TOMBSTONE_MS, epoch, len(held)]
    for one, used in held:
        script_keys.append(one.key)
        arguments += [one.kind, one.amount, used, one.limit, one.period]
    return script_keys, arguments


def _kind(limit: Limit) -> str:
    if limit.per is None:
        return "k"
    if not limit.smooth:
        return "c"
    return "r" if limit.meter == "requests" else "t"


def _add_limit(
    script_keys: list[str],
    arguments: list[Argument],
    shard: int,
    limit: Limit,
    pair: tuple[Window, Window] | None,
    amounts: Amounts,
) -> None:
    kind, need = _kind(limit), amounts.of(limit.meter)
    estimate = "1" if limit.by_estimate else ""
    if pair is not None:
        this, following = pair
        script_keys.append(keys.counter(shard, limit.counter, this.start))
        script_keys.append(keys.counter(shard, limit.counter, following.start))
        arguments += [kind, estimate, limit.name, need, limit.limit, this.end, following.end, this.start]
    else:
        script_keys.append(keys.counter(shard, limit.counter))
        period = SMOOTH_US[limit.per] if limit.per else 0
        arguments += [kind, estimate, limit.name, need, limit.limit, limit.burst, period, 0]


def _taken(
    chain: Chain, amounts: Amounts, figures: Sequence[int], now: int
) -> tuple[tuple[Standing, ...], tuple[Held, ...]]:
    standings, held = [], []
    for index, (limit, pair) in enumerate(zip(chain.limits, chain.windows, strict=True)):
        which, used, holding = figures[3 * index : 3 * index + 3]
        standings.append(_standing(limit, pair, now, used, holding, None, which))
        kind = _kind(limit)
        if kind != "r":
            start = pair[which].start if pair else None
            key = keys.counter(chain.shard, limit.counter, start)
            period = SMOOTH_US[limit.per] if limit.smooth and limit.per else 0
            held.append(Held(kind, key, amounts.of(limit.meter), limit.limit, period, limit.meter))
    return tuple(standings), tuple(held)


def _standing(
    limit: Limit,
    pair: tuple[Window, Window] | None,
    now: int,
    used: int,
    held: int,
    calls: int | None,
    which: int | None = None,
) -> Standing:
    if pair is not None:
        window = pair[which if which is not None else int(now >= pair[0].end and len(set(pair)) == 2)]
        return Standing(limit, window, used, held, calls, window.end)
    if limit.smooth and limit.per:
        spent = -(-used // SMOOTH_US[limit.per])
        return Standing(limit, None, spent, held, calls, now + -(-used // limit.limit))
    return Standing(limit, None, used, held, calls, None)


def _unseeded(chain: Chain, index: int, which: int) -> Unseeded:
    pair = chain.windows[index]
    assert pair is not None
    return Unseeded(chain.limits[index], pair[which])
