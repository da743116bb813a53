"""Settlements that come twice, late and out of order, and reapers that race them, on the gateway's own engine."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from faults import checker
from faults.clients import chat
from faults.kills import KEY_LIMITS, LIMITS, leaked
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import Stage, stage
from faults.tenants import Tenant
from orbit.lib.ids import uuid7
from orbit.lib.store import client
from proxy import runtime
from proxy.admission import Admission
from proxy.calls import make_call
from proxy.health import Health
from proxy.runtime import Runtime
from proxy.surfaces import OPENAI
from quotas import tasks
from quotas.limits import Amounts
from tenants import keys

COPIES = 3  # of every settlement, at least
CALLS = 400
LEASE_US = 60_000


@contextmanager
def without_workers(servers: Servers | None) -> Iterator[Stage]:
    with stage(servers, workers=0) as made:
        yield made


@dataclass
class Calls:
    """Calls of one tenant that were admitted, and what each used in the end."""

    runtime: Runtime
    tenant: Tenant
    chance: random.Random

    async def admit(self) -> Admission:
        digest = keys.digest(self.tenant.key, settings.ORBIT_KEY_PEPPER)
        principal = await self.runtime.snapshots.find(digest)
        assert principal is not None
        assert principal.policy is not None
        user = f"{self.tenant.tag}-{secrets.token_hex(6)}"
        body = chat(max_tokens=self.chance.randint(1, 100), user=user)
        call, plan = await make_call(
            request_id=uuid7(), principal=principal, policy=principal.policy, surface=OPENAI,
            endpoint="chat/completions", body=body, raw=orjson.dumps(body), headers={}, client_ip=None,
            health=Health(),
            started=time.monotonic(),
        )  # fmt: skip
        return await self.runtime.admissions.admit(call, plan)

    def used(self, admission: Admission) -> tuple[Amounts, bytes]:
        """Less than was reserved, and the event that says so."""
        most, chance = admission.reserved, self.chance
        used = Amounts(
            chance.randint(0, most.input_tokens),
            chance.randint(0, most.output_tokens),
            chance.randint(0, most.cost_nano),
        )
        event = {
            **admission.opened,
            "admitted_us": admission.lease.admitted_us,
            "status": "settled",
            "usage_source": "partial",
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "cost_nano": used.cost_nano,
        }
        return used, orjson.dumps(event)


async def _settled(calls: Calls, admission: Admission, amounts: Amounts, event: bytes) -> None:
    await calls.runtime.engine.settle(admission.lease, used=amounts, event=event)


async def _expired(tenant: Tenant, admission: Admission) -> int:
    return await asyncio.to_thread(tasks.expire, client(), tenant.shard, admission.lease.id)


def settle_once(stage: Stage, chance: random.Random) -> Found:
    """Each settlement is sent three to five times, in any order, with the end of its lease in between."""
    tenant = stage.tenant(LIMITS, key_limits=KEY_LIMITS)
    truth = asyncio.run(_repeat(tenant, chance))
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, [])
    for meter in ("requests", "tokens", "cost"):
        if books.charged(meter) != truth.of(meter):
            wrongs.append(f"the ledger has {books.charged(meter)} {meter}, {truth.of(meter)} were used")
    return Found(wrongs, CALLS, {**leaked(books), "corrections": len(books.events) - len(books.calls)})


@dataclass
class Truth:
    requests: int = 0
    tokens: int = 0
    cost: int = 0

    def of(self, meter: str) -> int:
        value: int = getattr(self, meter)
        return value


async def _repeat(tenant: Tenant, chance: random.Random) -> Truth:
    running = runtime.start()
    running.engine.lease_us = LEASE_US
    calls, truth = Calls(running, tenant, chance), Truth()
    try:
        for _ in range(CALLS // 50):
            admissions = [await calls.admit() for _ in range(50)]
            deliveries = []
            for admission in admissions:
                amounts, event = calls.used(admission)
                truth.requests += 1
                truth.tokens += amounts.of("tokens")
                truth.cost += amounts.cost_nano
                deliveries += [(admission, amounts, event)] * chance.randint(COPIES, 5)
            chance.shuffle(deliveries)
            await asyncio.gather(*(_deliver(calls, chance, *one) for one in deliveries))
    finally:
        await runtime.stop(running)
    return truth


async def _deliver(
    calls: Calls, chance: random.Random, admission: Admission, amounts: Amounts, event: bytes
) -> None:
    await asyncio.sleep(chance.uniform(0, 2 * LEASE_US / 1e6))
    if chance.random() < 0.2:
        await _expired(calls.tenant, admission)
    await _settled(calls, admission, amounts, event)


def reaper_races(stage: Stage, chance: random.Random) -> Found:
    """Leases lapse while their workers settle them, and several reapers are at it."""
    tenant = stage.tenant(LIMITS, key_limits=KEY_LIMITS)
    endings = asyncio.run(_race(tenant, chance))
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, [])
    once = Tally(event.request_id for event in books.calls)
    wrongs += [f"{request_id} has {times} ends" for request_id, times in once.items() if times != 1]
    if len(once) != CALLS:
        wrongs.append(f"{len(once)} of {CALLS} holds have an end")
    if max(endings.values(), default=0) > 1:
        wrongs.append("two reapers ended one lease")
    return Found(wrongs, CALLS, {**leaked(books), "lapsed": sum(endings.values())})


async def _race(tenant: Tenant, chance: random.Random) -> Tally[str]:
    running = runtime.start()
    running.engine.lease_us = LEASE_US
    calls, ended = Calls(running, tenant, chance), Tally[str]()

    async def end(admission: Admission, opened: float) -> None:
        amounts, event = calls.used(admission)

        async def reap() -> None:
            ended[admission.lease.id] += await _expired(tenant, admission)

        async def settle() -> None:
            await asyncio.sleep(chance.uniform(0, 0.004))
            await _settled(calls, admission, amounts, event)

        # all at about the moment at which the lease lapses
        await asyncio.sleep(
            max(0.0, opened + LEASE_US / 1e6 + chance.uniform(-0.004, 0.004) - time.monotonic())
        )
        rivals: list[Any] = [reap(), reap(), settle()] if chance.random() < 0.7 else [reap(), reap()]
        chance.shuffle(rivals)
        await asyncio.gather(*rivals)

    try:
        for _ in range(CALLS // 25):
            opened = [(await calls.admit(), time.monotonic()) for _ in range(25)]
            await asyncio.gather(*(end(*one) for one in opened))
    finally:
        await runtime.stop(running)
    return ended


LEAKED = (
    Measure("held", "most that is still held", bar=0),
    Measure("slots", "most slots still taken", bar=0),
)

SCENARIOS = [
    Scenario(
        "settle-once", 1,
        "every settlement arrives three to five times, in any order, before and after its lease lapsed",
        "the first one counts, and later ones at most correct a lapsed lease; the sums are those of what was used",
        10_000, "calls", without_workers, settle_once,
        (*LEAKED, Measure("corrections", "corrections of lapsed leases", "sum")),
    ),
    Scenario(
        "reaper-races", 1, "two reapers and a settlement end one lease at the moment at which it lapses",
        "every hold is resolved once", 5_000, "holds", without_workers, reaper_races,
        (*LEAKED, Measure("lapsed", "holds that a reaper resolved", "sum")),
    ),
]  # fmt: skip
