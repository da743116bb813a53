"""The store forgets, remembers an older time, is replaced by a laggard, falls silent, or loses its replies."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from faults import checker
from faults.checker import Books
from faults.clients import Seen, chat
from faults.kills import LEAKED, Load, leaked, mixed
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import WORKERS, Stage, asks, stage
from faults.tenants import Tenant
from quotas import keys
from tests.chaos import chaos

LOOK_S = 0.005
RECOVERY_S = 10.0


@contextmanager
def near(servers: Servers | None) -> Iterator[Stage]:
    with stage(servers) as made:
        yield made


@contextmanager
def impatient(servers: Servers | None) -> Iterator[Stage]:
    """With the time-outs of an ordinary installation."""
    with stage(servers, environment={"ORBIT_REDIS_TIMEOUT_MS": "100"}) as made:
        yield made


# The store's memory is lost: C6, C7, C8


@dataclass
class Epochs:
    """The epochs that a shard has had, and when each was first seen."""

    seen: list[tuple[str, float]] = field(default_factory=list)

    def since(self, moment: float) -> list[tuple[str, float]]:
        return [(epoch, at) for epoch, at in self.seen if at > moment]


@contextmanager
def watched_epochs(store: Redis, shard: int) -> Iterator[Epochs]:
    epochs, stopped = Epochs(), threading.Event()

    def look() -> None:
        while not stopped.is_set():
            try:
                epoch = cast("bytes | None", store.hget(keys.meta(shard), "epoch"))
            except RedisError:
                epoch = None
            if epoch and (not epochs.seen or epochs.seen[-1][0] != epoch.decode()):
                epochs.seen.append((epoch.decode(), time.monotonic()))
            time.sleep(LOOK_S)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield epochs
    finally:
        stopped.set()
        thread.join()


def tight(stage: Stage, chance: random.Random) -> Tenant:
    """One of its limits has room for about half of the load."""
    limits: list[dict[str, Any]] = [
        {"name": "daily", "meter": "requests", "per": "day", "limit": 100_000},
        {"name": "tokens", "meter": "tokens", "per": "day", "limit": 100_000_000},
        {"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"},
    ]
    which, limit = chance.choice([(0, 100), (1, 6_000), (2, "0.003")])
    limits[which]["limit"] = limit
    return stage.tenant([*limits, {"name": "at-once", "meter": "concurrency", "limit": 1_000}])


def flush(stage: Stage, chance: random.Random, calls: int = 200) -> Found:
    tenant = tight(stage, chance)
    with watched_epochs(stage.store, tenant.shard) as epochs:
        load = Load(stage, mixed(tenant, chance, calls))
        time.sleep(chance.uniform(0.3, 2.0))
        lost = time.monotonic()
        stage.store.flushdb()
        seen = load.seen()
        seen += stage.crowd(mixed(tenant, chance, 8)).run()
        books = stage.read(tenant)
    return _rebuilt(books, tenant, seen, epochs, lost)


def stale(stage: Stage, chance: random.Random) -> Found:
    assert stage.servers is not None
    tenant = tight(stage, chance)
    seen = stage.crowd(mixed(tenant, chance, chance.randint(8, 60)), at_once=24).run()
    copy = stage.servers.copy_of_store()
    with watched_epochs(stage.store, tenant.shard) as epochs:
        load = Load(stage, mixed(tenant, chance, 150))
        time.sleep(chance.uniform(0.3, 2.0))
        stage.servers.kill(stage.servers.valkey)
        lost = time.monotonic()
        stage.servers.start_store_from(copy)
        seen += load.seen()
        seen += stage.crowd(mixed(tenant, chance, 8)).run()
        books = stage.read(tenant)
    return _rebuilt(books, tenant, seen, epochs, lost)


def failover(stage: Stage, chance: random.Random) -> Found:
    """The link to the replica is cut for a while, the primary dies, the replica takes its place."""
    servers = stage.servers
    assert servers is not None
    tenant = tight(stage, chance)
    behind_s = chance.uniform(0, 0.5)
    with chaos(servers.store_url) as link:
        replica = servers.start_replica(link.url)
        with Redis.from_url(replica.url(), socket_timeout=10) as store:
            _wait_synced(store)
            with watched_epochs(store, tenant.shard) as epochs:
                load = Load(stage, mixed(tenant, chance, 200))
                time.sleep(chance.uniform(0.3, 2.0))
                link.black_hole()
                time.sleep(behind_s)
                servers.kill(servers.valkey)
                lost = time.monotonic()
                store.execute_command("REPLICAOF", "NO", "ONE")
                stage.road.lead_to(replica.url())
                seen = load.seen()
                seen += stage.crowd(mixed(tenant, chance, 8)).run()
                books = replace(stage, store=store).read(tenant)
            store.execute_command("WAITAOF", 1, 0, 2000)
        servers.kill(replica)
    servers.start_store_from(servers.folder / "replica" / "valkey")
    stage.road.lead_to(servers.store_url)
    found = _rebuilt(books, tenant, seen, epochs, lost, at_least=0)
    found.figures["cut_ms"] = round(behind_s * 1000)
    return found


def _wait_synced(store: Redis) -> None:
    deadline = time.monotonic() + 20
    while store.info("replication").get("master_link_status") != "up":
        if time.monotonic() > deadline:
            raise TimeoutError("the replica did not catch up")
        time.sleep(0.02)


def _rebuilt(
    books: Books, tenant: Tenant, seen: Sequence[Seen], epochs: Epochs, lost: float, *, at_least: int = 1
) -> Found:
    wrongs = checker.wrongs(books, tenant, seen)
    before = {epoch for epoch, at in epochs.seen if at <= lost}
    after = [(epoch, at) for epoch, at in epochs.since(lost) if epoch not in before]
    if not at_least <= len(after) <= 1:
        wrongs.append(f"the epoch changed {len(after)} times")
    over = {
        meter: max(0, books.truth(meter) - limit)
        for (meter, _), limit in tenant.limits.items()
        if meter != "concurrency"
    }
    figures = {"over": max(over.values()), **leaked(books), "refused": sum(one.status == 503 for one in seen)}
    if after:
        figures["rebuilt_ms"] = round((after[0][1] - lost) * 1000)
    return Found(wrongs, 1, dict(figures))


# The store is silent: C5


def blackhole(stage: Stage, chance: random.Random, seconds: tuple[float, float] = (1.0, 4.0)) -> Found:
    """One tenant has money limits, another only a smooth limit of requests."""
    most = 400
    money = stage.tenant([{"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"}])
    smooth = stage.tenant([{"name": "rpm", "meter": "requests", "per": "minute", "limit": most}])
    for one in (money, smooth):  # every worker knows both keys
        stage.crowd(asks(one, 4 * WORKERS, _short), barrier=True).run()
    load = Steady(stage, [money, smooth])
    time.sleep(0.3)
    dark = time.monotonic()
    stage.road.black_hole()
    time.sleep(chance.uniform(*seconds))
    stage.road.heal()
    light = time.monotonic()
    seen = load.until(
        lambda one: one.status == 200 and one.started > light and one.user.startswith(money.tag)
    )
    during = [one for one in seen if dark + 0.05 < one.started < light - 0.5]
    wrongs = []
    for tenant in (money, smooth):
        theirs = [one for one in seen if one.user.startswith(tenant.tag)]
        wrongs += checker.wrongs(stage.read(tenant), tenant, theirs)
    paid = [one for one in during if one.user.startswith(money.tag)]
    wrongs += [
        f"{one.user} ended as {one.status} {one.code}" for one in paid if one.code != "limiter_unavailable"
    ]
    served = sum(one.status == 200 for one in during if one.user.startswith(smooth.tag))
    if not served:
        wrongs.append("no call with a smooth limit was served")
    recovered = min((one.ended for one in load.matched), default=light + RECOVERY_S + 1)
    figures: dict[str, Any] = {
        "decided_ms": [round(one.decided_s * 1000, 1) for one in during],
        "unknown_keys": sum(one.status == 401 for one in seen),
        "smooth_over": max(0, served - most),
        "recovery_s": round(recovered - light, 2),
    }
    return Found(wrongs, 1, figures)


def _short(index: int) -> dict[str, Any]:
    return chat("tokens=3", max_tokens=9)


class Steady:
    """A few calls of each tenant at any time, until told to stop."""

    def __init__(self, stage: Stage, tenants: list[Tenant], at_once: int = 6) -> None:
        self.stage = stage
        self.seen: list[Seen] = []
        self.matched: list[Seen] = []
        self.stopped = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=[one, at_once], daemon=True) for one in tenants
        ]
        for thread in self.threads:
            thread.start()

    def _run(self, tenant: Tenant, at_once: int) -> None:
        while not self.stopped.is_set():
            self.seen += self.stage.crowd(asks(tenant, at_once, _short)).run()
            time.sleep(0.1)

    def until(self, which: Any) -> list[Seen]:
        """All that was seen, once a call is among it for which `which` holds, and a little longer."""
        deadline = time.monotonic() + RECOVERY_S + 5
        while time.monotonic() < deadline and not any(map(which, list(self.seen))):
            time.sleep(0.05)
        time.sleep(0.3)
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        self.matched = [one for one in self.seen if which(one)]
        return self.seen


# The store's replies are lost: C3


def reply_lost(stage: Stage, chance: random.Random) -> Found:
    tenant = tight(stage, chance)
    before = stage.road.replies_lost
    stage.road.lose_replies(lambda piece: b"EVALSHA" in piece and chance.random() < 0.15)
    try:
        seen = stage.crowd(mixed(tenant, chance, 120), at_once=16).run()
    finally:
        stage.road.lose_replies(None)
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, seen)
    answered = {one.user for one in seen if one.status == 200}
    twice = [one for one in books.calls if one.end_user not in answered and one.status == "settled"]
    return Found(wrongs, stage.road.replies_lost - before, {**leaked(books), "unheard": len(twice)})


OVER = Measure("over", "most over a limit, by the provider's books", bar=0)
REBUILT = (
    OVER, *LEAKED,
    Measure("rebuilt_ms", "longest until counters were back, ms"),
    Measure("refused", "calls answered 503 meanwhile", "sum"),
)  # fmt: skip
KEPT = "0 admitted over the limit; one new epoch; afterwards the books agree to the nano"

SCENARIOS = [
    Scenario("flush", 1, "all keys of the store are dropped under load", KEPT, 50, "trials", near, flush, REBUILT),
    Scenario(
        "stale", 1, "the store is killed under load and comes back with an older append-only file", KEPT,
        50, "trials", near, stale, REBUILT,
    ),
    Scenario(
        "failover", 1, "under load a replica whose link was cut for up to 500 ms takes the killed store's place",
        KEPT, 50, "trials", near, failover, (*REBUILT, Measure("cut_ms", "longest cut, ms")),
    ),
    Scenario(
        "store-blackhole", 1, "the store takes bytes and answers nothing for 1 to 4 s under load",
        "money closed, smooth limits by each worker's share, no 401, a decision within 300 ms, back by itself",
        50, "trials", impatient, blackhole,
        (
            Measure("decided_ms", "decision while dark, p99, ms", "p99", 300, 1),
            Measure("decided_ms", "decision while dark, median, ms", "median", None, 1),
            Measure("unknown_keys", "valid keys answered 401", "sum", 0),
            Measure("smooth_over", "smooth requests admitted beyond the limit", "max", 0),
            Measure("recovery_s", "longest until the first call with a money limit, s", "max", RECOVERY_S, 2),
        ),
    ),
    Scenario(
        "reply-lost", 1, "the store runs a script, and its reply is lost with the connection",
        "no reservation counts twice; the books agree to the nano", 1000, "replies", near, reply_lost,
        (*LEAKED, Measure("unheard", "calls charged that their clients saw fail", "sum")),
    ),
]  # fmt: skip
