"""An engine on a shard of its own, with a clock that the test sets."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from django.conf import settings

from orbit.lib.redis import RedisLink
from quotas import keys
from quotas.chain import Chain, Lease, Refusal, Unseeded
from quotas.engine import Engine, Missing
from quotas.limits import Amounts, Calendar, Limit

# Tomorrow at noon, UTC: counters expire by the store's own clock, so the test's may not be long past.
NOON = (time.time_ns() // 86_400_000_000_000 + 1) * 86_400_000_000 + 43_200_000_000


@dataclass
class Bench:
    """One organization's engine; `reserve` does what a worker does, seeding included."""

    engine: Engine
    shard: int
    organization: str
    key: str
    spent: int = 0  # what the ledger is said to hold for every new counter

    def limit(self, meter: str, per: str | None, limit: int, **more: object) -> Limit:
        fields: dict[str, object] = {
            "name": f"{meter}-{per}",
            "level": "organization",
            "object_id": self.organization,
            "object_name": "acme",
            "burst": limit,
            **more,
        }
        return Limit(meter=meter, per=per, limit=limit, **fields)  # type: ignore[arg-type]

    def at(self, us: int) -> None:
        self.engine.now_us = str(us)

    def chain(self, *limits: Limit, calendar: Calendar | None = None) -> Chain:
        now = int(self.engine.now_us)
        return Chain.at(self.shard, self.organization, self.key, limits, calendar or Calendar(), now)

    async def reserve(
        self, chain: Chain, amounts: Amounts | None = None, lease_id: str = "", **more: object
    ) -> Lease | Refusal:
        arguments: dict[str, object] = {
            "lease_id": lease_id or str(uuid.uuid4()),
            "amounts": amounts or Amounts(),
            "version": 1,
            "generation": 1,
            "event": b'{"v": 1}',
            "refusal": b"{}",
            "rough": False,
            **more,
        }
        while True:
            try:
                return await self.engine.reserve(chain, **arguments)  # type: ignore[arg-type]
            except Missing as missing:
                for counter in missing.counters:
                    await self.engine.seed(self.shard, self.organization, counter, self._seeds)

    async def admitted(self, chain: Chain, amounts: Amounts | None = None, **more: object) -> Lease:
        decision = await self.reserve(chain, amounts, **more)  # type: ignore[arg-type]
        assert isinstance(decision, Lease), decision
        return decision

    async def refused(self, chain: Chain, amounts: Amounts | None = None, **more: object) -> Refusal:
        decision = await self.reserve(chain, amounts, **more)  # type: ignore[arg-type]
        assert isinstance(decision, Refusal), decision
        return decision

    async def _seeds(self, shard: int, organization: str, counter: Unseeded) -> tuple[int, str]:
        newest = await self.engine.link.call("XREVRANGE", keys.stream(shard), "+", "-", "COUNT", 1)
        return self.spent, newest[0][0].decode() if newest else "0-0"

    async def figures(self, limit: Limit) -> dict[str, int]:
        """The counter's fields as the store has them; a calendar limit's in its present window."""
        pair = self.chain(limit).windows[0]
        key = keys.counter(self.shard, limit.counter, pair[0].start if pair else None)
        flat = await self.engine.link.call("HGETALL", key)
        return {flat[i].decode(): int(flat[i + 1]) for i in range(0, len(flat), 2)}

    async def events(self) -> list[dict[str, str]]:
        found = await self.engine.link.call("XRANGE", keys.stream(self.shard), "-", "+")
        return [{f[i].decode(): f[i + 1].decode() for i in range(0, len(f), 2)} for _, f in found]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    link = RedisLink(settings.REDIS_URL, 2.0)
    made = Bench(
        Engine(link, 30_000_000), random.randrange(1_000, 2**40), str(uuid.uuid4()), str(uuid.uuid4())
    )
    made.at(NOON)
    await made.engine.open(made.shard, "")
    await made.engine.publish(keys.version(made.shard, made.organization), 1)
    await made.engine.publish(keys.generation(made.shard, made.key), 1)
    yield made
    link.close()
