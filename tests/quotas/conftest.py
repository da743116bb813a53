"""An engine on a shard of its own, with a clock that the test sets."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from orbit.lib.redis import RedisLink, Shard
from quotas import keys, seeds, usage
from quotas.chain import Chain, Lease, Refusal, Unseeded
from quotas.counters import Counter
from quotas.engine import OPEN, Booked, Engine, Missing
from quotas.journal import Journal
from quotas.limits import Amounts, Calendar, Limit, Window, user_digest

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
    spent_by_user: dict[str, int] = field(default_factory=dict)
    booked: Booked | None = None  # what it is said to hold of a lease

    @property
    def link(self) -> Shard:
        return self.engine.link.at(self.shard)

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
            "event": self.opening(more.get("end_user")),
            "refusal": b"{}",
            "rough": False,
            **more,
        }
        while True:
            try:
                return await self.engine.reserve(chain, **arguments)  # type: ignore[arg-type]
            except Missing as missing:
                for counter in missing.counters:
                    await self.seed(chain, counter)

    async def admitted(self, chain: Chain, amounts: Amounts | None = None, **more: object) -> Lease:
        decision = await self.reserve(chain, amounts, **more)  # type: ignore[arg-type]
        assert isinstance(decision, Lease), decision
        return decision

    async def refused(self, chain: Chain, amounts: Amounts | None = None, **more: object) -> Refusal:
        decision = await self.reserve(chain, amounts, **more)  # type: ignore[arg-type]
        assert isinstance(decision, Refusal), decision
        return decision

    def opening(self, end_user: object = None, model: str = "m") -> bytes:
        """An opening event with what seeds look at."""
        event = {
            "organization_id": self.organization,
            "key_id": self.key,
            "model": model,
            "end_user": end_user,
        }
        return json.dumps(event).encode()

    async def seed(self, chain: Chain, counter: Unseeded) -> None:
        now = int(self.engine.now_us)
        await asyncio.to_thread(seeds.seed, self.shard, self.organization, counter, self._spent, now)

    def _spent(
        self, shard: int, organization: str, limit: Limit, window: Window, by_settlement: bool
    ) -> usage.Spent:
        """As `usage.spent`, with a ledger that is made up and has read nothing of the stream."""
        by_user = {user_digest(one): used for one, used in self.spent_by_user.items()}
        used = by_user if limit.user else {"": self.spent}
        found = usage.Spent(shard, organization, limit, window, used, "0-0", 0, by_settlement)
        found.read_on()
        return found

    async def _booked(self, organization: str, lease_id: str) -> Booked | None:
        return self.booked

    async def start(self, lost: bool = False) -> None:
        """Opens the shard with a new epoch and without counters, as a rebuild does."""
        for pattern in keys.patterns(self.shard):
            found = await self.link.call("KEYS", pattern)
            if found:
                await self.link.call("DEL", *found)
        await self.link.call("HDEL", keys.meta(self.shard), "epoch")
        arguments: list[str | bytes | int] = [
            self.engine.now_us,
            secrets.token_hex(8),
            "1" if lost else "",
            "run",
        ]
        await self.link.run(OPEN, [keys.meta(self.shard)], arguments)

    async def counter(self, limit: Limit) -> Counter | None:
        """The counter as the store has it; a calendar limit's in its present window."""
        pair = self.chain(limit).windows[0]
        key = keys.counter(self.shard, limit.counter, pair[0].start if pair else None)
        value = await self.link.call("GET", key)
        return Counter.unpack(value) if Counter.is_seeded(value) else None

    async def figures(self, limit: Limit) -> tuple[int, int, int] | None:
        """Used, held and the calls that hold."""
        found = await self.counter(limit)
        return found[:3] if found else None

    async def events(self) -> list[dict[str, str]]:
        found = await self.link.call("XRANGE", keys.stream(self.shard), "-", "+")
        return [{f[i].decode(): f[i + 1].decode() for i in range(0, len(f), 2)} for _, f in found]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    link = RedisLink(settings.REDIS_URL, 2.0)
    made = Bench(
        Engine(link, 30_000_000), random.randrange(1_000, 2**40), str(uuid.uuid4()), str(uuid.uuid4())
    )
    made.engine.seeder, made.engine.books = made.seed, made._booked
    made.at(NOON)
    await made.start()
    await made.engine.publish(made.shard, keys.version(made.shard, made.organization), 1)
    await made.engine.publish(made.shard, keys.generation(made.shard, made.key), 1)
    yield made
    link.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    made = Journal(folder, segment_bytes=1_000)
    yield made
    made.close()
