"""Reserve, extend, retarget, renew, settle: each one script on the organization's shard, each one round trip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from orbit.lib.redis import Link, Script, StoreError, StoreUnavailable
from quotas import keys
from quotas.chain import Chain, Lease, Refusal, Standing, Unseeded
from quotas.limits import SMOOTH_US, Amounts, Limit
from quotas.packing import Argument
from quotas.retargeting import Move

LUA = Path(__file__).parent / "lua"
RESERVE, SETTLE, EXTEND, RETARGET, RENEW, SEED, RESTORE, PUBLISH, OPEN, FENCE = (
    Script.load(LUA / f"{name}.lua")
    for name in (
        "reserve",
        "settle",
        "extend",
        "retarget",
        "renew",
        "seed",
        "restore",
        "publish",
        "open",
        "fence",
    )
)
TOMBSTONE_MS = 15 * 60 * 1000
KEPT_MS = 2 * 86_400_000  # how long a closed window's counter is kept
ROUNDS = 20  # of seeds and late limits that one operation may meet


class Stale(Exception):
    """There is a newer version of the snapshot, or of the key."""


class OutsideWindows(Exception):
    """The store's clock is in neither of the windows that the chain was made with; `Engine.clock_us` now knows."""


class Gone(Exception):
    """The lease is no longer open."""


class Cold(Exception):
    """The shard's counters are not to be trusted; `epoch` is the one to give up."""

    def __init__(self, epoch: str) -> None:
        super().__init__(epoch)
        self.epoch = epoch


class Missing(Exception):
    """Counters must be seeded before anything can be reserved."""

    def __init__(self, counters: list[Unseeded]) -> None:
        super().__init__(f"{len(counters)} counters")
        self.counters = counters


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger says of a call that the store has forgotten: `lapsed` with what it was charged, or settled."""

    lapsed: bool
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Renewal:
    """Leases that are `gone`, and the newest versions and generations by organization and key; None where none is known."""

    gone: list[str]
    versions: dict[str, int | None]
    generations: dict[str, int | None]


# Seeds a counter of a shard and organization; looks a lease up in the ledger.
Seeder = Callable[[Chain, Unseeded], Awaitable[None]]
Books = Callable[[str, str], Awaitable[Booked | None]]


@dataclass
class Engine:
    """The scripts over one connection. `seen` is each shard's epoch and highest sequence in this process."""

    link: Link
    lease_us: int
    seen: dict[int, tuple[str, int]] = field(default_factory=dict)
    seeder: Seeder | None = None
    books: Books | None = None
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
        end_user: str | None = None,
        again: bool = False,
    ) -> Lease | Refusal:
        """Takes `amounts` from every limit of the chain, or from none. Raises Stale, OutsideWindows, Cold or Missing.

        `event` is what the reaper writes should this worker die; `refusal` describes the caller in the count
        of refusals. `rough` says that the amounts are an upper bound that may be refined, `again` that the same
        was sent before and its reply was lost.
        """
        shard, user = chain.shard, chain.user(end_user)
        epoch, seq = self.seen.get(shard, ("", 0))
        command = chain.reserve_template(RESERVE.digest).fill_reserve(
            keys.lease(shard, lease_id),
            user,
            (
                self.now_us, epoch, seq, version, generation, lease_id, self.lease_us, event, refusal,
                "1" if rough else "", "1" if again else "",
            ),
            amounts,
        )  # fmt: skip
        link = self.link.at(shard)
        try:
            reply = await link.call_packed(command)
        except StoreError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            await link.call("SCRIPT", "LOAD", RESERVE.source)
            await link.call("SCRIPT", "LOAD", SETTLE.source)  # posted settlements cannot wait for theirs
            reply = await link.call_packed(command)
        outcome = reply[0]
        if outcome == b"OK":
            self._saw(shard, reply[2].decode(), int(reply[3]))
            return Lease(lease_id, chain, user, int(reply[1]), amounts, tuple(reply[4:]))
        return self._no_lease(chain, reply, end_user)

    def _no_lease(self, chain: Chain, reply: list[Any], end_user: str | None) -> Refusal:
        outcome = reply[0]
        if outcome == b"REFUSED":
            self._saw(chain.shard, reply[2].decode(), int(reply[3]))
            return _refusal(chain, reply[1], reply[4:10], end_user)
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

    async def fence(self, shard: int) -> None:
        """Closes the shard unless it was opened on this very run of its server: a restart, a replica that took
        over and an older file may all lack what was acknowledged, and hide it by going on."""
        info: bytes = await self.link.at(shard).call("INFO", "server")
        await self._call(shard, FENCE, [keys.meta(shard)], [run_id(info)])

    async def continues(self, shard: int) -> bool:
        """Whether the store goes on from what this process has seen of the shard."""
        found = await self.link.at(shard).call("HMGET", keys.meta(shard), "epoch", "seq")
        epoch, seq = self.seen.get(shard, ("", 0))
        return bool(found[0] == epoch.encode() and found[1] is not None and int(found[1]) >= seq)

    async def extend(
        self, lease: Lease, more: Amounts, *, event: bytes, refusal: bytes, end_user: str | None = None
    ) -> Lease | Refusal:
        """Takes `more` on top of what the lease holds. Safe to repeat: the total is what counts.

        `event` is the opening event with the new amounts. Raises Gone, StoreUnavailable (also while the shard is
        closed) or StoreError.
        """
        held = lease.amounts
        total = Amounts(
            held.input_tokens + more.input_tokens,
            held.output_tokens + more.output_tokens,
            held.cost_nano + more.cost_nano,
        )
        shard, chain = lease.shard, lease.chain
        counters, limits = lease.counters, chain.spec()
        for _ in range(ROUNDS):
            reply = await self._call(
                shard,
                EXTEND,
                [
                    keys.meta(shard),
                    keys.lease(shard, lease.id),
                    keys.leases(shard),
                    keys.refused(shard),
                    *counters,
                ],
                [self.now_us, lease.id, self.lease_us, event, refusal, limits, *_figures(total)],
            )
            outcome = reply[0]
            if outcome == b"OK":
                return lease.holding(total)
            if outcome == b"REFUSED":
                return _extension_refused(lease, reply, end_user)
            if outcome == b"MORE":
                counters, limits = with_more(counters, limits, reply[2])
            elif outcome == b"MISSING" and self.seeder is not None and max(reply[1:]) <= len(chain.limits):
                for index in reply[1:]:
                    await self.seeder(chain, chain.unseeded(int(index) - 1, lease.which[int(index) - 1]))
            else:
                break
        if reply[0] == b"GONE":
            raise Gone
        raise StoreUnavailable("the shard is closed")

    async def retarget(
        self,
        lease: Lease,
        chain: Chain,
        amounts: Amounts,
        *,
        version: int,
        generation: int,
        event: bytes,
        refusal: bytes,
        end_user: str | None = None,
    ) -> Lease | Refusal:
        """Moves a lease to the limits of another target, where it then holds `amounts`. Safe to repeat.

        `chain` is of the alias that is to serve the call, `event` its opening event, whose `model` is that alias;
        `version` and `generation` are of the snapshot that both are from. Raises Stale, Gone, StoreUnavailable (also
        while the shard is closed) or StoreError. Where the reply may have been lost, the lease may be settled by either
        target's event. A call that was admitted while the store was away moves without it, to the same limits and
        to no more than it holds; else StoreUnavailable.
        """
        move = Move.of(lease, chain, end_user, amounts)
        if lease.local:
            moved = move.moved_locally()
            if moved is None:
                raise StoreUnavailable("only the store can move a call to other limits")
            return moved
        others = lease.counters
        for _ in range(ROUNDS):
            reply = await self._retarget(move, others, version, generation, event, refusal)
            outcome = reply[0]
            if outcome == b"OK":
                self._saw(lease.shard, reply[2].decode(), int(reply[3]))
                return move.moved([int(one) for one in reply[4:]])
            if outcome == b"REFUSED":
                index = int(reply[2])
                return _refusal(move.chain, reply[1], (*reply[2:7], move.which[index - 1]), end_user)
            if outcome == b"MORE":
                others = [*others, *(one.decode() for one in reply[2:])]
            elif outcome == b"MISSING" and self.seeder is not None:
                for index in map(int, reply[1:]):
                    await self.seeder(move.chain, move.chain.unseeded(index - 1, move.which[index - 1]))
            else:
                break
        if reply[0] == b"GONE":
            raise Gone
        if reply[0] == b"STALE":
            raise Stale("STALE")
        raise StoreUnavailable("the shard is closed")

    async def _retarget(
        self, move: Move, others: list[str], version: int, generation: int, event: bytes, refusal: bytes
    ) -> list[Any]:
        shard = move.lease.shard
        epoch, seq = self.seen.get(shard, ("", 0))
        reply: list[Any] = await self._call(
            shard,
            RETARGET,
            [*move.script_keys(), *others],
            [
                self.now_us, epoch, seq, version, generation, move.lease.id, self.lease_us, event, refusal,
                *_figures(move.amounts), *move.limits(),
            ],
        )  # fmt: skip
        return reply

    async def cancel(self, chain: Chain, lease_id: str, end_user: str | None) -> None:
        """Gives a reservation back of which nobody knows whether it was made. Nothing was sent."""
        user, now_us = chain.user(end_user), self.clock_us()
        lease = Lease(lease_id, chain, user, now_us, Amounts(), figures=())
        counters, limits = lease.counters, chain.spec()
        for _ in range(ROUNDS):
            script_keys, arguments = settlement(
                lease.shard, lease_id, counters, limits, "cancel", b"", Amounts(), Amounts(), self.now_us
            )
            reply = await self._call(lease.shard, SETTLE, script_keys, arguments)
            if reply[0] != b"MORE":
                return
            counters, limits = with_more(counters, limits, reply[2])

    async def count_refusal(self, shard: int, code: str, caller: bytes) -> None:
        """Counts a request that was refused before limits were asked. `caller` describes it, see reserve.lua."""
        now_us = self.clock_us()
        name = b"%d\n%b\n\n%b" % (now_us - now_us % SMOOTH_US["minute"], code.encode(), caller)
        await self.link.at(shard).call("HINCRBY", keys.refused(shard), name, 1)

    async def settle(self, lease: Lease, *, used: Amounts, event: bytes) -> tuple[str, str]:
        """Replaces the reservation by what was used and appends the event. Safe to repeat.

        Returns OK, DONE or LATE, see settle.lua, and up to which id of the stream the event is there.
        """
        mode, charged = "settle", Amounts()
        counters, limits = lease.counters, lease.chain.spec()
        for _ in range(ROUNDS):
            script_keys, arguments = settlement(
                lease.shard, lease.id, counters, limits, mode, event, used, charged, self.now_us
            )
            reply = await self._call(lease.shard, SETTLE, script_keys, arguments)
            if reply[0] == b"MORE":
                counters, limits = with_more(counters, limits, reply[2])
            elif reply[0] == b"UNKNOWN":
                booked = await self.books(lease.chain.organization_id, lease.id) if self.books else None
                if booked is not None and not booked.lapsed:
                    return "DONE", "0-0"
                mode, charged = ("late", booked.amounts) if booked else ("orphan", charged)
            else:
                return self.settled(lease.shard, reply)
        raise StoreUnavailable("the store keeps changing its mind")

    def settled(self, shard: int, reply: list[Any]) -> tuple[str, str]:
        """What settle.lua replied: outcome, and up to which id of the stream the event is there."""
        known = self.seen.get(shard)
        if len(reply) > 3 and known is not None:
            self._saw(shard, known[0], int(reply[3]))
        outcome: str = reply[0].decode()
        if outcome in ("OK", "LATE"):
            return outcome, reply[2].decode()
        return outcome, f"{int(reply[1]) // 1000 + 1}-0"  # ids are the store's milliseconds

    def post_settlement(self, lease: Lease, *, used: Amounts, event: bytes) -> asyncio.Future[Any]:
        """The same, sent before this returns, so that it reaches the store before the client's next call can."""
        shard = lease.shard
        template = lease.chain.settle_template(SETTLE.digest, lease.which)
        command = template.fill_settle(
            keys.lease(shard, lease.id),
            keys.leases(shard),
            keys.tombstone(shard, lease.id),
            lease.user,
            (self.now_us, "settle", lease.id, event, TOMBSTONE_MS),
            used,
        )
        return self.link.at(shard).post_packed(command)

    async def renew(self, shard: int, leases: Sequence[Lease]) -> Renewal:
        """Prolongs leases of a shard, and asks what is newest of their organizations and keys."""
        organizations = list({one.chain.organization_id for one in leases})
        holders = list({one.chain.key_id for one in leases})
        gone, newest = await self._call(
            shard,
            RENEW,
            [
                keys.leases(shard),
                *(keys.version(shard, one) for one in organizations),
                *(keys.generation(shard, one) for one in holders),
            ],
            [self.now_us, self.lease_us, *(one.id for one in leases)],
        )
        numbers = [None if one is None else int(one) for one in newest]
        return Renewal(
            [one.decode() for one in gone],
            dict(zip(organizations, numbers, strict=False)),
            dict(zip(holders, numbers[len(organizations) :], strict=True)),
        )

    async def restore(self, lease: Lease, event: bytes) -> bool:
        """Opens a lease again that the store has lost, or never had. False when it is open or has ended."""
        shard = lease.shard
        reply = await self._call(
            shard,
            RESTORE,
            [*call_keys(shard, lease.id), *lease.counters],
            [
                self.now_us, "lease", lease.id, event, self.lease_us, lease.admitted_us,
                *_figures(lease.amounts), lease.chain.spec(),
            ],
        )  # fmt: skip
        return bool(reply == b"OK")

    async def publish(self, shard: int, key: str, value: int) -> int:
        """Makes a version or generation known if it is newer; returns the newest."""
        return int(await self._call(shard, PUBLISH, [key], [value]))

    async def current(self, shard: int, organization_id: str, key_id: str) -> tuple[int, int] | None:
        """The newest version and generation, for requests that reserve nothing. None when unknown."""
        found = await self.link.at(shard).call(
            "MGET", keys.version(shard, organization_id), keys.generation(shard, key_id)
        )
        return (int(found[0]), int(found[1])) if None not in found else None

    async def _call(
        self, shard: int, script: Script, script_keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        return await self.link.at(shard).run(script, script_keys, arguments)


def run_id(info: bytes) -> str:
    """Of a server, in what it answers to INFO: new with every start."""
    found = info.partition(b"run_id:")[2]
    return found.split(b"\r\n", 1)[0].decode()


def call_keys(shard: int, lease_id: str) -> list[str]:
    """KEYS 1 to 5 of settle.lua and restore.lua."""
    return [
        keys.meta(shard),
        keys.lease(shard, lease_id),
        keys.leases(shard),
        keys.tombstone(shard, lease_id),
        keys.stream(shard),
    ]


def settlement(
    shard: int,
    lease_id: str,
    counters: Sequence[str],
    limits: bytes,
    mode: str,
    event: bytes | str,
    used: Amounts,
    charged: Amounts,
    now_us: str = "",
) -> tuple[list[str], list[Argument]]:
    """Keys and arguments of settle.lua."""
    return [*call_keys(shard, lease_id), *counters], [
        now_us, mode, lease_id, event, TOMBSTONE_MS, limits, *_figures(used), *_figures(charged),
    ]  # fmt: skip


def _figures(amounts: Amounts) -> tuple[int, int, int]:
    return amounts.input_tokens, amounts.output_tokens, amounts.cost_nano


def with_more(counters: list[str], limits: bytes, more: bytes) -> tuple[list[str], bytes]:
    """A lease's counters together with those that were made while it was open."""
    specs, found = orjson.loads(limits), list(counters)
    for line in more.decode().splitlines():
        key, _, spec = line.partition(" ")
        if (
            spec and key not in found
        ):  # a line without is the mark of a lease that was moved, see retarget.lua
            found.append(key)
            specs.append(orjson.loads(spec))
    return found, orjson.dumps(specs)


def _refusal(chain: Chain, now: int, figures: Sequence[int], end_user: str | None) -> Refusal:
    index, used, held, calls, retry, which = map(int, figures)
    limit = chain.limits[index - 1].for_user(end_user)
    standing = Standing.of(limit, chain.windows[index - 1], int(now), used, held, calls, which)
    return Refusal(standing, retry or None, int(now))


def _extension_refused(lease: Lease, reply: list[Any], end_user: str | None) -> Refusal:
    now, index, used, held, calls, retry = map(int, reply[1:7])
    chain = lease.chain
    if index > len(chain.limits):  # made since: what it is called is in its policy, not in this chain
        made_since = Limit("", "", "", "", "tokens", "total", used + held, used + held)
        return Refusal(Standing(made_since, used + held, used + held, used, held, calls, None), None, now)
    return _refusal(chain, now, (index, used, held, calls, retry, lease.which[index - 1]), end_user)
