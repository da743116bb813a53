"""`python -m bench decisions`: what a decision costs Valkey, by the limits on its chain and the counters it keeps."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from bench.report import table
from orbit.launcher import embedded, state
from orbit.lib.redis import RedisLink
from quotas import keys
from quotas.chain import Chain, Lease
from quotas.counters import Counter
from quotas.engine import OPEN, Engine
from quotas.limits import Amounts, Calendar, Limit

LIMITS = (1, 5, 20)
ORGANIZATIONS = 10_000
COUNTERS = 1_000_000
AT_ONCE = 64
SHARD = 7
NEED, USED = Amounts(900, 1_000, 4_000_000), Amounts(800, 100, 900_000)
EVENT = b'{"filler":"' + b"x" * 900 + b'"}'  # about as long as a call's
KINDS: tuple[tuple[str, str | None], ...] = (
    ("cost", "month"),
    ("requests", "minute"),
    ("tokens", "day"),
    ("concurrency", None),
    ("tokens", "minute"),
)


@dataclass(frozen=True)
class Figures:
    reserve_us: float  # of the store's time in the script
    settle_us: float
    refuse_us: float


def run(*, quick: bool) -> str:
    """The table for docs/performance.md."""
    calls = 2_000 if quick else 30_000
    with _valkey() as (store, link_url):
        few = [
            (str(count), asyncio.run(_measure(store, link_url, [_limits(count)], calls))) for count in LIMITS
        ]
        before = store.info("memory")["used_memory"]
        many = _fill(store, 200 if quick else ORGANIZATIONS, 20_000 if quick else COUNTERS)
        grown = (store.info("memory")["used_memory"] - before) / (20_000 if quick else COUNTERS)
        label = f"5, of {len(many):,} organizations, {store.dbsize():,} keys"
        few.append((label, asyncio.run(_measure(store, link_url, many, calls))))
    head = (
        "limits on the chain",
        "RESERVE, µs",
        "SETTLE, µs",
        "both, CPU of the process, µs",
        "a refusal, µs",
    )
    rows = [
        (name, *(f"{one:.1f}" for one in (at.reserve_us, at.settle_us, at.refuse_us))) for name, at in few
    ]
    return f"{table([head, *rows])}\n\nA counter takes {grown:.0f} bytes of the store's memory."


@contextmanager
def _valkey() -> Iterator[tuple[redis.Redis, str]]:
    with ExitStack() as stack:
        parent = "/var/tmp" if state.is_root() else None  # noqa: S108 - mkdtemp's folder is ours alone
        folder = Path(tempfile.mkdtemp(prefix="orbit-bench-", dir=parent))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        state.make_data_dir(folder)
        no_postgres = {"DATABASE_URL": "postgresql://unused"}
        servers = stack.enter_context(embedded.running(folder, no_postgres, durable=True))
        assert servers.valkey is not None
        url = servers.valkey.url()
        yield stack.enter_context(redis.Redis.from_url(url)), url


def _limits(count: int, owner: str = "") -> list[Limit]:
    """Of five kinds in turn, each on an object of its own, too high to refuse."""
    found = []
    for number in range(count):
        meter, per = KINDS[number % len(KINDS)]
        most = 2**53 // 3_600_000_000 if per == "minute" else 2**52
        owner_id = str(uuid.uuid4()) if number >= len(KINDS) or not owner else owner
        found.append(Limit(f"limit-{number}", "organization", owner_id, "acme", meter, per, most, most))
    return found


def _chain(limits: Sequence[Limit], organization: str) -> Chain:
    return Chain.at(SHARD, organization, organization, limits, Calendar(), time.time_ns() // 1000)


def _start(store: redis.Redis, chains: Sequence[Chain]) -> None:
    """Opens the shard and seeds every counter of the chains at zero."""
    store.eval(OPEN.source, 1, keys.meta(SHARD), "", "bench", "", "run")
    pipeline = store.pipeline(transaction=False)
    for chain in chains:
        pipeline.set(keys.version(SHARD, chain.organization_id), 1)
        pipeline.set(keys.generation(SHARD, chain.key_id), 1)
        for counter in chain.counters(chain.present(0), ""):
            pipeline.set(counter, Counter().pack(), ex=3600, nx=True)
    pipeline.execute()


def _fill(store: redis.Redis, organizations: int, counters: int) -> list[list[Limit]]:
    """Many organizations with five limits each, and counters of their end users up to a number of keys."""
    made, each = [], counters // organizations
    for _ in range(organizations):
        organization = str(uuid.uuid4())
        made.append(_limits(5, organization))
        pipeline = store.pipeline(transaction=False)
        for _ in range(each):
            user = keys.counter(
                SHARD, f"{organization}/{uuid.uuid4().hex[:24]}:cost:day:*", 1_700_000_000_000_000
            )
            pipeline.set(user, Counter(used=5).pack(), ex=3600)
        pipeline.execute()
    return made


async def _measure(
    store: redis.Redis, url: str, organizations: Sequence[Sequence[Limit]], calls: int
) -> Figures:
    chains = [_chain(limits, limits[0].object_id) for limits in organizations]
    for start in range(0, len(chains), 1000):
        _start(store, chains[start : start + 1000])
    link = RedisLink(url, 30.0)
    engine, random_ = Engine(link, 30_000_000), random.Random(1)  # noqa: S311 - only spreads the load
    try:
        await _flood(engine, chains, random_, min(calls, 2_000))  # warm
        store.config_resetstat()
        leases = await _flood(engine, chains, random_, calls, settle=False)
        reserve_us = _script_us(store)
        store.config_resetstat()
        for start in range(0, len(leases), AT_ONCE):
            some = leases[start : start + AT_ONCE]
            await asyncio.gather(*(engine.post_settlement(one, used=USED, event=EVENT) for one in some))
        settle_us = _script_us(store)
        full = [_chain([*limits[:-1], _full(limits[-1])], limits[0].object_id) for limits in organizations]
        store.config_resetstat()
        await _flood(engine, full, random_, calls // 3, settle=False)
        return Figures(reserve_us, settle_us, _script_us(store))
    finally:
        link.close()


def _full(limit: Limit) -> Limit:
    """The same with room for nothing: the last of the chain, so that all are looked at before it refuses."""
    return Limit(limit.name, limit.level, limit.object_id, limit.object_name, limit.meter, limit.per, 1, 0)


async def _flood(
    engine: Engine, chains: Sequence[Chain], random_: random.Random, calls: int, *, settle: bool = True
) -> list[Lease]:
    held: list[Lease] = []

    async def client(count: int) -> None:
        for _ in range(count):
            decision = await engine.reserve(
                random_.choice(chains), lease_id=str(uuid.uuid4()), amounts=NEED, version=1, generation=1,
                event=EVENT, refusal=b"{}", rough=False,
            )  # fmt: skip
            if isinstance(decision, Lease) and settle:
                await engine.post_settlement(decision, used=USED, event=EVENT)
            elif isinstance(decision, Lease):
                held.append(decision)

    await asyncio.gather(*(client(calls // AT_ONCE) for _ in range(AT_ONCE)))
    return held


def _script_us(store: redis.Redis) -> float:
    stats: Any = store.info("commandstats")["cmdstat_evalsha"]
    return float(stats["usec"]) / float(stats["calls"])
