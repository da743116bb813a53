"""Reserve, renew, settle: each one script on the organization's shard, each one round trip."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orbit.lib.redis import RedisLink, Script, StoreError
from quotas import keys
from quotas.chain import Chain, Held, Lease, Refusal, Standing, Unseeded
from quotas.limits import Amounts
from quotas.packing import Argument

LUA = Path(__file__).parent / "lua"
RESERVE, SETTLE, RENEW, SEED, PUBLISH, OPEN = (
    Script.load(LUA / f"{name}.lua") for name in ("reserve", "settle", "renew", "seed", "publish", "open")
)
TOMBSTONE_MS = 15 * 60 * 1000


class Stale(Exception):
    """There is a newer version of the snapshot, or of the key."""


class OutsideWindows(Exception):
    """The store's clock is in neither of the windows that the chain was made with; `Engine.clock_us` now knows."""


class Cold(Exception):
    """The shard's counters are not to be trusted; `epoch` is the one to give up."""

    def __init__(self, epoch: str) -> None:
        super().__init__(epoch)
        self.epoch = epoch


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
        command = chain.reserve_template(RESERVE.digest).fill(
            keys.lease(chain.shard, lease_id),
            (
                self.now_us, epoch, seq, version, generation, lease_id, self.lease_us, event, refusal,
                "1" if rough else "",
            ),
            amounts,
        )  # fmt: skip
        try:
            reply = await self.link.call_packed(command)
        except StoreError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            await self.link.call("SCRIPT", "LOAD", RESERVE.source)
            await self.link.call("SCRIPT", "LOAD", SETTLE.source)  # posted settlements cannot wait for theirs
            reply = await self.link.call_packed(command)
        return self._decision(chain, lease_id, amounts, reply)

    def _decision(self, chain: Chain, lease_id: str, amounts: Amounts, reply: list[Any]) -> Lease | Refusal:
        outcome = reply[0]
        if outcome == b"OK":
            now, epoch = int(reply[1]), reply[2].decode()
            self._saw(chain.shard, epoch, int(reply[3]))
            return Lease(lease_id, chain, epoch, now, amounts, tuple(reply[4:]))
        if outcome == b"REFUSED":
            now, index, used, holding, calls, retry = int(reply[1]), int(reply[4]) - 1, *map(int, reply[5:9])
            self._saw(chain.shard, reply[2].decode(), int(reply[3]))
            limit = chain.limits[index]
            standing = Standing.of(limit, chain.windows[index], now, used, holding, calls)
            return Refusal(standing, retry or None, now)
        if outcome == b"MISSING":
            pairs = zip(reply[1::2], reply[2::2], strict=True)
            raise Missing([chain.unseeded(int(i) - 1, int(w)) for i, w in pairs])
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
        script_keys, arguments = settlement(
            lease.shard,
            lease.id,
            [(one, 0 if one.kind == "k" else used.of(one.meter)) for one in lease.held],
            mode="settle",
            event=event,
            epoch=lease.epoch,
            now_us=self.now_us,
        )
        reply = await self.link.run(SETTLE, script_keys, arguments)
        outcome: str = reply[0].decode()
        return outcome

    def post_settlement(self, lease: Lease, *, used: Amounts, event: bytes) -> asyncio.Future[Any]:
        """The same, sent before this returns, so that it reaches the store before the client's next call can."""
        template = lease.chain.settle_template(SETTLE.digest, lease.which)
        command = template.fill(
            keys.lease(lease.shard, lease.id),
            keys.tombstone(lease.shard, lease.id),
            (self.now_us, "settle", lease.id, event, TOMBSTONE_MS, lease.epoch),
            lease.amounts,
            used,
        )
        return self.link.post_packed(command)

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
