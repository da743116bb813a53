"""From a checked call to an open lease, or to the refusal that says why not."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import orjson

from orbit.lib import money
from orbit.lib.clock import from_us, rfc3339
from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy import events
from proxy.context import Call
from proxy.snapshot import Snapshots
from quotas import estimate, usage
from quotas.chain import Chain, Lease, Refusal, Unseeded
from quotas.engine import Cold, Engine, Missing, OutsideWindows
from quotas.limits import Amounts, Limit

logger = logging.getLogger(__name__)

PATIENCE_S = 5.0  # for reloads, seeds and reopened shards that one call may have to go through


@dataclass(frozen=True, slots=True)
class Admission:
    call: Call
    lease: Lease
    reserved: Amounts
    opened: dict[str, Any]  # the event so far


@dataclass
class Admissions:
    engine: Engine
    snapshots: Snapshots

    async def admit(self, call: Call) -> Admission:
        """Reserves for a call. OrbitError when a limit refuses it or the store cannot be asked; Stale when the
        call must be judged again by a newer snapshot.

        The first try takes an upper bound from the body's bytes; only where that finds no room are the
        tokens counted and tried again.
        """
        amounts, rough = await self._needs(call)
        gives_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < gives_up:
            chain = call.principal.chain(call.model, self.engine.clock_us())
            never = _never_fits(chain, amounts)
            if never is not None and not rough:
                raise exceeds(never, amounts)
            opened = events.opening(call, _reserved(amounts))
            decision = None if never else await self._ask(call, chain, amounts, opened, rough)
            if isinstance(decision, Lease):
                return Admission(call, decision, amounts, opened)
            if never or (rough and decision is not None and decision.standing.limit.by_estimate):
                amounts, rough = await self._counted(call), False
            elif decision is not None:
                raise refused(decision)
        raise unavailable()

    async def _needs(self, call: Call) -> tuple[Amounts, bool]:
        """What the call may use, and whether that is only a rough bound."""
        policy = call.principal.policy
        most = policy.max_input_tokens if policy is not None else None
        if most is None or call.input_bound <= most:
            return amounts_of(call, call.input_bound), True
        amounts = await self._counted(call)
        if amounts.input_tokens > most:
            raise OrbitError(
                Code.CONTEXT_LENGTH_EXCEEDED,
                f"The input has about {amounts.input_tokens} tokens; the policy of this key allows {most}.",
                param="messages",
            )
        return amounts, False

    async def _ask(
        self, call: Call, chain: Chain, amounts: Amounts, opened: dict[str, Any], rough: bool
    ) -> Lease | Refusal | None:
        """The store's decision; None after something was put in order there, and it must be asked again."""
        arguments: dict[str, Any] = {
            "lease_id": str(call.request_id),
            "amounts": amounts,
            "version": call.principal.organization.version,
            "generation": call.principal.key.generation,
            "event": orjson.dumps(opened),
            "refusal": _refusal(call),
            "rough": rough,
        }
        try:
            try:
                return await self.engine.reserve(chain, **arguments)
            except StoreUnavailable:
                # the reply may have been lost: the same lease id gets the same answer
                return await self.engine.reserve(chain, **arguments)
        except OutsideWindows:
            call.principal.chains.clear()
        except Cold as cold:
            await self._open(chain.shard, cold.epoch)
        except Missing as missing:
            for counter in missing.counters:
                await self._seed(chain, counter)
        except (StoreUnavailable, StoreError) as error:
            logger.warning("no decision: %s", error)
            raise unavailable() from error
        return None

    async def _counted(self, call: Call) -> Amounts:
        counted = await estimate.exact(call.body, call.target.model)
        return amounts_of(call, min(counted, call.input_bound))

    async def _open(self, shard: int, given_up: str) -> None:
        async def work() -> None:
            level = logging.WARNING if given_up else logging.INFO  # a fresh store is no trouble
            logger.log(level, "shard %s has no counters to be trusted: it starts from the ledger", shard)
            await self.engine.open(shard, given_up)

        await self.snapshots.once(("open", shard, given_up), work)

    async def _seed(self, chain: Chain, counter: Unseeded) -> None:
        """Once for all calls that meet the same new counter, as many do when a window begins."""
        await self.snapshots.once(
            (counter.limit.counter, counter.window),
            lambda: self.engine.seed(chain.shard, chain.organization_id, counter, self._seeds),
        )

    async def _seeds(self, shard: int, organization_id: str, counter: Unseeded) -> tuple[int, str]:
        return await self.snapshots.read(
            lambda: usage.spent(shard, organization_id, counter.limit, counter.window)
        )


def _refusal(call: Call) -> bytes:
    """What a refusal would be counted under: the same for every call of a key and model, so it is written once."""
    known = call.principal.refusals
    found = known.get(call.model)
    if found is None:
        found = known[call.model] = events.refusal(call.principal, call.model)
    return found


def amounts_of(call: Call, input_tokens: int) -> Amounts:
    rates = call.target.rates
    output_tokens = call.output_cap * call.choices
    cost = rates.most_nano(input_tokens, output_tokens) if rates else 0
    return Amounts(input_tokens, output_tokens, cost)


def exceeds(limit: Limit, amounts: Amounts) -> OrbitError:
    """A request larger than a whole limit: no waiting helps."""
    need, ceiling = amounts.of(limit.meter), limit.burst if limit.smooth else limit.limit
    return OrbitError(
        Code.REQUEST_EXCEEDS_LIMIT,
        f"This request needs up to {shown(limit, need)}, more than the whole {describe(limit)} of "
        f"{shown(limit, ceiling)}. Lower its maximum output or its length, or ask for a higher limit.",
        data={**figures(limit), "limit_value": ceiling, "need": need},
    )


def _reserved(amounts: Amounts) -> dict[str, int]:
    return {
        "input_tokens": amounts.input_tokens,
        "output_tokens": amounts.output_tokens,
        "cost_nano": amounts.cost_nano,
    }


def _never_fits(chain: Chain, amounts: Amounts) -> Limit | None:
    for limit in chain.limits:
        if amounts.of(limit.meter) > (limit.burst if limit.smooth else limit.limit):
            return limit
    return None


def unavailable() -> OrbitError:
    return OrbitError(
        Code.LIMITER_UNAVAILABLE,
        "Limits cannot be checked right now, so nothing was sent. Try again.",
        retry_after_s=1,
    )


def refused(refusal: Refusal) -> OrbitError:
    """A refusal that names the limit, its figures, and when there may be room again."""
    standing = refusal.standing
    limit = standing.limit
    code = Code.RATE_LIMITED if limit.smooth or limit.per is None else Code.INSUFFICIENT_QUOTA
    retry_at = refusal.retry_at_us or (refusal.now_us + 1_000_000)
    data = {
        **figures(limit),
        "limit_value": limit.limit,
        "spent": standing.spent,
        "held": standing.held,
        "free": standing.free,
        "held_calls": standing.held_calls,
        "retry_at": rfc3339(from_us(retry_at)),
    }
    held = (
        f", {shown(limit, standing.held)} held by {standing.held_calls} running calls"
        if standing.held
        else ""
    )
    return OrbitError(
        code,
        f"The {describe(limit)} of {shown(limit, limit.limit)} has no room for this request: "
        f"{shown(limit, standing.spent)} spent{held}. There may be room again at {data['retry_at']}.",
        data=data,
        retry_after_s=(retry_at - refusal.now_us) / 1_000_000,
    )


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
