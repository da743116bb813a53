"""From a checked call to an open lease, or to the refusal that says why not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from redis.exceptions import RedisError

from orbit.lib import money
from orbit.lib.clock import from_us, rfc3339
from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy import events, trail
from proxy.attempts import Attempt
from proxy.call import Call
from proxy.context import Target
from proxy.copies import Copy
from proxy.learning import Outputs
from proxy.routing import Plan
from proxy.snapshot import Snapshots
from proxy.strangers import EndUsers
from proxy.supervisor import Supervisor
from proxy.trail import Trail
from quotas import classes, estimate, keys, recovery, seeds
from quotas.chain import Chain, Lease, Refusal, Standing, Unseeded
from quotas.engine import Booked, Cold, Engine, Gone, Missing, OutsideWindows, Stale
from quotas.limits import FOREVER, Amounts, Limit
from quotas.local import LocalRefusal, LocalShares

logger = logging.getLogger(__name__)

REBUILT_S = 0.2  # a shard that takes longer to rebuild is not waited for by calls that can go on locally
DOUBTS = 100_000
GIVE_BACK_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # after that the lease lapses
PATIENCE_S = 5.0  # for reloads, seeds and reopened shards that one call may have to go through


@dataclass(slots=True)
class Admission:
    """An admitted call. `call` follows its way from target to target; `lease` and `opened`, the event so far, follow
    what becomes of its reservation. `plan` is where it may go yet."""

    call: Call
    lease: Lease
    opened: dict[str, Any]
    written: bytes  # `opened` as the store was given it
    plan: Plan = ()
    attempts: list[Attempt] = field(default_factory=list)
    judged: tuple[int, int] = (0, 0)  # by which version and generation its key was found good while it ran
    withdrawn: OrbitError | None = None  # what its next call would be refused with
    hearers: list[Callable[[OrbitError], None]] = field(default_factory=list)  # of the withdrawal
    over: bool = False  # whether its settlement was sent
    copy: Copy | None = None  # of what it says, where its policy has that stored

    @property
    def attempt(self) -> Attempt:
        """The last one."""
        return self.attempts[-1]

    @property
    def reserved(self) -> Amounts:
        return self.lease.amounts

    def opening(self) -> bytes:
        """The opening event as a journal keeps it."""
        return b'%b,"admitted_us":%d}' % (self.written[:-1], self.lease.admitted_us)

    def on_withdrawal(self, hear: Callable[[OrbitError], None]) -> None:
        """`hear` is told once, as long as the call is not over."""
        if self.withdrawn is not None:
            hear(self.withdrawn)
        else:
            self.hearers.append(hear)

    def withdraw(self, error: OrbitError) -> None:
        """Its key was taken away: whoever waits for an answer gets the error, and nothing more is asked for."""
        if self.withdrawn is None and not self.over:
            self.withdrawn = error
            for hear in self.hearers:
                hear(error)

    def end(self) -> None:
        """It is settled; nobody has to hear of anything."""
        self.over = True
        self.hearers.clear()

    def holds(self, lease: Lease, opened: dict[str, Any], written: bytes) -> None:
        """The reservation became another one."""
        self.lease, self.opened, self.written = lease, opened, written


class _Away(Exception):
    """The store cannot be asked."""


@dataclass
class Admissions:
    engine: Engine
    snapshots: Snapshots
    shares: LocalShares
    journals: Path
    outputs: Outputs
    supervisor: Supervisor
    trail: Trail
    end_users: EndUsers
    doubts: OrderedDict[UUID, None] = field(
        default_factory=OrderedDict
    )  # whose reservation may have been made

    def __post_init__(self) -> None:
        self.engine.seeder, self.engine.books = self._seed, self._books

    async def admit(self, call: Call, plan: Plan = ()) -> Admission:
        """Reserves for a call. OrbitError when a limit refuses it or the store cannot be asked; Stale when the
        call must be judged again by a newer snapshot.

        The first try takes an upper bound from the body's bytes; only where that finds no room are the
        tokens counted and tried again.
        """
        policy = call.principal.policy
        if policy is not None and policy.audit_required:
            await self.trail.check(call.principal.organization.shard)
        await self.outputs.ready(call)
        amounts, rough = await self._needs(call)
        gives_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < gives_up:
            now_us = self.engine.clock_us()
            chain = call.principal.chain(call.model, now_us)
            if chain.each_user:
                self.end_users.check(chain.organization_id, call.end_user, now_us)
            never = never_fits(chain, amounts, now_us)
            if never is not None and not rough:
                raise exceeds(never.for_user(call.end_user), amounts, now_us)
            opened = events.opening(call, reserved_json(amounts))
            written = orjson.dumps(opened)
            try:
                decision = None if never else await self._ask(call, chain, amounts, written, rough)
            except _Away:
                try:
                    decision = self._locally(call, chain, amounts)
                except OrbitError:
                    self._give_back(call, chain)
                    raise
            if isinstance(decision, Lease):
                return Admission(call, decision, opened, written, plan)
            if never or (rough and decision is not None and decision.standing.limit.by_estimate):
                amounts, rough = await self._counted(call), False
            elif decision is not None:
                raise refused(decision)
        raise unavailable()

    async def _needs(self, call: Call, *, metered: bool = True) -> tuple[Amounts, bool]:
        """What the call may use, and whether that is only a rough bound."""
        policy = call.principal.policy
        most = policy.max_input_tokens if policy is not None else None
        if most is None or call.input_bound <= most:
            return self._amounts(call, call.input_bound, metered=metered), True
        amounts = await self._counted(call, metered=metered)
        if amounts.input_tokens > most:
            raise OrbitError(
                Code.CONTEXT_LENGTH_EXCEEDED,
                f"The input has about {amounts.input_tokens} tokens; the policy of this key allows {most}.",
                param="messages",
            )
        return amounts, False

    async def _ask(
        self, call: Call, chain: Chain, amounts: Amounts, event: bytes, rough: bool
    ) -> Lease | Refusal | None:
        """The store's decision; None after something was put in order there, and it must be asked again."""
        arguments: dict[str, Any] = {
            "lease_id": call.request.name,
            "amounts": amounts,
            "version": call.principal.organization.version,
            "generation": call.principal.key.generation,
            "event": event,
            "refusal": describe_caller(call),
            "rough": rough,
            "end_user": call.end_user,
        }
        try:
            if chain.shard not in self.engine.seen:
                await self._meet(chain.shard)
            try:
                return await self.engine.reserve(chain, **arguments, again=call.request_id in self.doubts)
            except StoreUnavailable:
                # the reply may have been lost: the same lease id gets the same answer, from now on
                self._doubt(call.request_id)
                return await self.engine.reserve(chain, **arguments, again=True)
        except OutsideWindows:
            call.principal.chains.clear()
        except Cold as cold:
            rebuilding = self._rebuild(chain.shard, cold.epoch)
            if all(limit.smooth and limit.meter == "requests" for limit in chain.limits):
                await asyncio.wait({rebuilding}, timeout=REBUILT_S)
                if not rebuilding.done():
                    raise _Away from cold  # these go on locally meanwhile
            await _in_order(rebuilding)
        except Missing as missing:
            for counter in missing.counters:
                await _in_order(self._seed(chain, counter))
        except (StoreUnavailable, StoreError, RedisError) as error:
            logger.warning("no decision: %s", error)
            raise _Away from error
        return None

    def _doubt(self, request_id: UUID) -> None:
        self.doubts[request_id] = None
        if len(self.doubts) > DOUBTS:
            self.doubts.popitem(last=False)

    def _give_back(self, call: Call, chain: Chain) -> None:
        """The client was told that nothing was sent; what the store took all the same must not lapse and be charged."""

        async def work() -> None:
            for wait_s in GIVE_BACK_S:
                await asyncio.sleep(wait_s)
                with suppress(StoreUnavailable, StoreError):
                    await self.engine.cancel(chain, call.request.name, call.end_user)
                    return

        if self.doubts.pop(call.request_id, ...) is None:
            self.supervisor.spawn(work(), "give-back")

    def _locally(self, call: Call, chain: Chain, amounts: Amounts) -> Lease:
        """What this worker may admit by itself while the store is away; it is charged when that is back."""
        policy, now_us = call.principal.policy, self.engine.clock_us()
        assert policy is not None
        if policy.audit_required:
            raise trail.unavailable()
        outcome = self.shares.take(
            chain,
            call.request.name,
            amounts,
            end_user=call.end_user,
            now_us=now_us,
            open_closed=policy.on_store_failure == "local_share",
        )
        if isinstance(outcome, LocalRefusal):
            raise refused_locally(outcome, now_us)
        if outcome is not None:
            raise unavailable()
        return Lease(
            call.request.name, chain, chain.user(call.end_user), now_us, amounts, figures=(), local=True
        )

    async def retarget(self, admission: Admission, call: Call, *, metered: bool) -> bool:
        """Moves the reservation to another target. False when its limits have no room for the call.

        A call that is not `metered` holds all that the provider may write.
        """
        amounts, rough = await self._needs(call, metered=metered)
        while True:
            opened = events.opening(call, reserved_json(amounts))
            written = orjson.dumps(opened)
            chain = call.principal.chain(call.model, self.engine.clock_us())
            arguments: dict[str, Any] = {
                "version": call.principal.organization.version,
                "generation": call.principal.key.generation,
                "event": written,
                "refusal": describe_caller(call),
                "end_user": call.end_user,
            }
            try:
                try:
                    moved = await self.engine.retarget(admission.lease, chain, amounts, **arguments)
                except StoreUnavailable:  # the reply may have been lost: the same again gives the same
                    moved = await self.engine.retarget(admission.lease, chain, amounts, **arguments)
            except (Stale, Gone, StoreUnavailable, StoreError) as error:
                logger.warning("the reservation of %s is not moved: %s", admission.lease.id, error)
                return False
            if isinstance(moved, Lease):
                admission.call = call
                admission.holds(moved, opened, written)
                return True
            if not (rough and moved.standing.limit.by_estimate):
                return False
            amounts, rough = await self._counted(call, metered=metered), False

    def _amounts(self, call: Call, input_tokens: int, *, metered: bool = True) -> Amounts:
        learned = self.outputs.learned_output(call) if metered else None
        return amounts_of(call, input_tokens, call.output_most if learned is None else learned)

    async def _counted(self, call: Call, *, metered: bool = True) -> Amounts:
        if not classes.in_texts(call.endpoint):  # nothing is known better than the bound
            return self._amounts(call, call.input_bound)
        counted = await estimate.exact(call.body, call.target.model, call.target.padding)
        return self._amounts(call, min(counted, call.input_bound), metered=metered)

    async def _meet(self, shard: int) -> None:
        """Before the first question about a shard: its store must not end before what the ledger has read of it."""

        async def look() -> None:
            await self.engine.fence(shard)
            if await self.snapshots.read(lambda: recovery.behind(shard)):
                found = await self.engine.link.at(shard).call("HGET", keys.meta(shard), "epoch")
                if found is not None:  # without an epoch it is cold already
                    raise Cold(found.decode())

        await self.snapshots.once(("meet", shard), look)

    def _rebuild(self, shard: int, given_up: str) -> asyncio.Task[bool]:
        """Once for all calls that meet the same cold shard; those of other processes wait for the same lock."""

        async def work() -> bool:
            return await self.snapshots.read(lambda: recovery.rebuild(shard, given_up, self.journals))

        return self.snapshots.begin(("rebuild", shard, given_up), work)

    async def _seed(self, chain: Chain, counter: Unseeded) -> None:
        """Once for all calls that meet the same new counter, as many do when a window begins."""

        async def work() -> None:
            await self.snapshots.read(lambda: seeds.seed(chain.shard, chain.organization_id, counter))

        await self.snapshots.once((counter.limit.counter, counter.window), work)

    async def _books(self, organization_id: str, lease_id: str) -> Booked | None:
        return await self.snapshots.read(lambda: recovery.booked(organization_id, lease_id))


async def _in_order(work: Awaitable[Any]) -> None:
    """Waits for a rebuild or a seed. While the database or the store is away there is none, and nothing is admitted."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)  # others may wait for the same
    if not done:
        raise unavailable()
    try:
        await task
    except RedisError as error:
        raise _Away from error
    except OrbitError as error:
        raise unavailable() from error


def describe_caller(call: Call) -> bytes:
    """What a refusal would be counted under: the same for every call of a key and model, so it is written once."""
    known = call.principal.refusals
    found = known.get(call.model)
    if found is None:
        found = known[call.model] = events.refusal(call.principal, call.model)
    return found


def amounts_of(call: Call, input_tokens: int, output_tokens: int) -> Amounts:
    """What is reserved for so many tokens: the price of the dearest of the targets that may serve the call."""
    cost = _most_nano(call, call.target, input_tokens, output_tokens)
    for spare in call.spares:
        cost = max(cost, _most_nano(call, spare, input_tokens, output_tokens))
    return Amounts(input_tokens, output_tokens, cost)


def _most_nano(call: Call, target: Target, input_tokens: int, output_tokens: int) -> int:
    if target.rates is None:
        return 0
    return target.rates.most_nano(
        input_tokens,
        output_tokens,
        units=call.need.units,
        service_tier=call.body.get("service_tier"),
        at_us=time.time_ns() // 1000,
    )


def exceeds(limit: Limit, amounts: Amounts, now_us: int) -> OrbitError:
    """A request larger than a whole limit: no waiting helps."""
    need, ceiling = amounts.of(limit.meter), limit.most(now_us)
    return OrbitError(
        Code.REQUEST_EXCEEDS_LIMIT,
        f"This request needs up to {shown(limit, need)}, more than the whole {describe(limit)} of "
        f"{shown(limit, ceiling)}. Lower its maximum output or its length, or ask for a higher limit.",
        data={**figures(limit), "limit_value": ceiling, "need": need},
    )


def reserved_json(amounts: Amounts) -> dict[str, int]:
    return {
        "input_tokens": amounts.input_tokens,
        "output_tokens": amounts.output_tokens,
        "cost_nano": amounts.cost_nano,
    }


def never_fits(chain: Chain, amounts: Amounts, now_us: int) -> Limit | None:
    """A limit that the request is larger than as a whole."""
    for limit in chain.limits:
        if amounts.of(limit.meter) > limit.most(now_us) and not limit.shadow:
            return limit
    return None


def stopping() -> OrbitError:
    return OrbitError(Code.SHUTTING_DOWN, "The gateway is restarting. Try again.")


def unavailable() -> OrbitError:
    return OrbitError(
        Code.LIMITER_UNAVAILABLE,
        "Limits cannot be checked right now, so nothing was sent. Try again.",
        retry_after_s=1,
    )


def refused(refusal: Refusal) -> OrbitError:
    """A refusal that names the limit, its figures, and when there is room again."""
    standing = refusal.standing
    limit = standing.limit
    code = Code.RATE_LIMITED if limit.smooth or limit.per is None else Code.INSUFFICIENT_QUOTA
    data = limit_data(standing)
    burst = f", {standing.ceiling} at once," if limit.smooth and standing.ceiling != standing.rate else ""
    retry_after_s: float | None = None
    if refusal.retry_at_us is None:
        room, retry_after_s = "There is room again when running calls give back what they do not use.", 1.0
    elif refusal.retry_at_us >= FOREVER.end:
        room = "It never starts anew: ask for a higher limit."
    else:
        data["retry_at"] = rfc3339(from_us(refusal.retry_at_us))
        room = f"There is room again at {data['retry_at']}."
        retry_after_s = (refusal.retry_at_us - refusal.now_us) / 1_000_000
    return OrbitError(
        code,
        f"The {describe(limit)} of {shown(limit, standing.rate)}{burst} has no room for this request: "
        f"{in_words(standing)}. {room}",
        data=data,
        retry_after_s=retry_after_s,
    )


def refused_locally(refusal: LocalRefusal, now_us: int) -> OrbitError:
    """While the store is away: what was spent nobody knows, only that this worker's part has no room."""
    limit, retry_at = refusal.limit, refusal.retry_at_us
    code = Code.RATE_LIMITED if limit.smooth or limit.per is None else Code.INSUFFICIENT_QUOTA
    return OrbitError(
        code,
        f"Limits cannot be checked right now, and this worker's part of the {describe(limit)} has no room.",
        data=figures(limit) | ({"retry_at": rfc3339(from_us(retry_at))} if retry_at else {}),
        retry_after_s=(retry_at - now_us) / 1_000_000 if retry_at else 1.0,
    )


def limit_data(standing: Standing) -> dict[str, Any]:
    """A limit's figures in an error, design of docs/errors.md."""
    limit = standing.limit
    return {
        **figures(limit),
        "limit_value": standing.rate,
        **({"burst": standing.ceiling} if limit.smooth else {}),
        "spent": standing.spent,
        "held": standing.held,
        "free": standing.free,
        "held_calls": standing.held_calls,
    }


def in_words(standing: Standing) -> str:
    limit, calls = standing.limit, standing.held_calls
    held = f", {shown(limit, standing.held)} held by {calls} running call{'' if calls == 1 else 's'}"
    return f"{shown(limit, standing.spent)} spent{held if standing.held else ''}"


def figures(limit: Limit) -> dict[str, Any]:
    return {
        "limit": limit.name,
        "level": limit.level,
        "object": limit.object_name,
        "meter": limit.meter,
        "per": limit.per,
    }


def describe(limit: Limit) -> str:
    window = f" per {limit.per}" if limit.per not in (None, "total") else " in total" if limit.per else ""
    return f"limit {limit.name!r} ({limit.meter}{window}) of {limit.level} {limit.object_name!r}"


def shown(limit: Limit, value: int) -> str:
    if limit.meter == "cost":
        return money.amount(value)
    return f"{value} {'tokens' if limit.by_estimate else 'requests'}"
