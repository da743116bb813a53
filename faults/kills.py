"""Processes that die or freeze in the middle of their calls."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from faults import checker
from faults.checker import Books
from faults.clients import Ask, Seen, chat
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import LEASE_S, WORKERS, Stage, asks, stage
from faults.tenants import Tenant

CALLS = 90
AT_ONCE = 24
ANSWER_BYTES = 24_000  # about what a stream of the longest answer has
LIMITS: list[dict[str, Any]] = [
    {"name": "daily", "meter": "requests", "per": "day", "limit": 1_000_000},
    {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000},
    {"name": "smooth", "meter": "output_tokens", "per": "hour", "limit": 2_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "1000.00"},
    {"name": "at-once", "meter": "concurrency", "limit": 10_000},
]
KEY_LIMITS: list[dict[str, Any]] = [
    {"name": "budget", "meter": "cost", "per": "day", "limit": "1000.00"},
    {"name": "input", "meter": "input_tokens", "per": "total", "limit": 1_000_000_000},
]


@contextmanager
def deadly(servers: Servers | None) -> Iterator[Stage]:
    with stage(servers, kills=True) as made:
        yield made


def tenant_of(stage: Stage) -> Tenant:
    return stage.tenant(LIMITS, key_limits=KEY_LIMITS)


class Load(threading.Thread):
    """Calls that go on while the trial strikes."""

    def __init__(self, stage: Stage, calls: list[Ask], at_once: int = AT_ONCE) -> None:
        super().__init__(daemon=True)
        self.crowd = stage.crowd(calls, at_once=at_once)
        self.start()

    def run(self) -> None:
        self.crowd.run()

    def seen(self) -> list[Seen]:
        self.join()
        return self.crowd.seen


def mixed(tenant: Tenant, chance: random.Random, count: int, *, deadly: int = 0) -> list[Ask]:
    """Streams and plain calls; so many of them have the provider kill the worker at a byte of its reply."""
    killers = set(chance.sample(range(count), deadly))

    def body(index: int) -> dict[str, Any]:
        directives = f"tokens={chance.randint(5, 80)} pace_ms={chance.randint(5, 25)}"
        stream = chance.random() < 0.8
        if index in killers:
            directives += f" kill_peer_after_bytes={chance.randint(0, ANSWER_BYTES if stream else 1200)}"
        return chat(directives, stream=stream, max_tokens=100)

    return asks(tenant, count, body)


def kills(stage: Stage, chance: random.Random, calls: int = CALLS) -> Found:
    """Half of the kills are the provider's, at a byte of its reply, half come at any moment."""
    tenant = tenant_of(stage)
    before = stage.gateway.deaths
    load = Load(stage, mixed(tenant, chance, calls, deadly=calls // 15))
    while load.is_alive():
        time.sleep(chance.uniform(0.05, 0.5))
        if load.is_alive() and stage.gateway.web:
            stage.gateway.kill(chance.choice(stage.gateway.web))
    stage.gateway.wait_for(web=WORKERS)
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, load.seen())
    deaths = stage.gateway.deaths - before
    return Found(wrongs, deaths, {**leaked(books), "calls": calls, "lapsed": lapsed(books)})


def leaked(books: Books) -> dict[str, float]:
    recorded = {event.end_user for event in books.calls}
    return {
        "held": max((one.counter.held for one in books.kept), default=0),
        "slots": max((one.counter.calls for one in books.kept), default=0),
        "lost": sum(checker.user_of(one) not in recorded for one in books.served),
    }


def lapsed(books: Books) -> int:
    return sum(event.status == "lease_expired" for event in books.calls)


def all_down(stage: Stage, chance: random.Random) -> Found:
    """Workers, the ledger's writer and the store die at one moment and come back."""
    assert stage.servers is not None
    tenant = tenant_of(stage)
    load = Load(stage, mixed(tenant, chance, 48))
    time.sleep(chance.uniform(0.1, 1.2))
    stage.gateway.want(web=0, writers=0)
    for pid in (*stage.gateway.web, *stage.gateway.writers):
        stage.gateway.kill(pid)
    stage.servers.kill(stage.servers.valkey)
    stage.gateway.wait_for(web=0, writers=0)
    stage.servers.start(stage.servers.valkey)
    stage.gateway.want(web=WORKERS)
    stage.gateway.wait_for(web=WORKERS)
    seen = load.seen()
    seen += stage.crowd(mixed(tenant, chance, 8)).run()  # the first calls after it find everything in order
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, seen)
    return Found(wrongs, 1, {**leaked(books), "lapsed": lapsed(books)})


def zombie(stage: Stage, chance: random.Random) -> Found:
    """Workers freeze for three leases, their calls lapse, then they go on and settle."""
    tenant = tenant_of(stage)
    slow = f"tokens=40 pace_ms=50 first_ms={chance.randint(0, 300)}"
    load = Load(stage, asks(tenant, AT_ONCE, lambda _: chat(slow, stream=True, max_tokens=60)))
    running, late = stage.provider.summary, time.monotonic() + 10
    while running()["open"] < AT_ONCE and time.monotonic() < late:
        time.sleep(0.02)
    time.sleep(chance.uniform(0, 0.8))
    frozen = chance.sample(stage.gateway.web, WORKERS - 1)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3 * LEASE_S)
    for pid in frozen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    seen = load.seen()
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, seen)
    corrected = [event for event in books.events if event.kind == "correction"]
    if len({event.corrects for event in corrected}) != len(corrected):
        wrongs.append("I2: a call was corrected twice")
    for meter in ("tokens", "cost"):
        if books.charged(meter) != books.truth(meter) and lapsed(books) == len(corrected):
            wrongs.append(
                f"I3: {books.charged(meter)} {meter} after corrections, the provider {books.truth(meter)}"
            )
    return Found(wrongs, lapsed(books), {"corrections": len(corrected), **leaked(books)})


LEAKED = (
    Measure("held", "most that is still held", bar=0),
    Measure("slots", "most slots still taken", bar=0),
    Measure("lost", "calls that the provider served and the ledger lacks", "sum", 0),
)

SCENARIOS = [
    Scenario(
        "kills", 1,
        "SIGKILL to a worker under load: by the provider at a byte of its reply, or at any moment",
        "after one lease nothing is held, every call has one terminal event, the books agree to the nano",
        1000, "kills", deadly, kills,
        (*LEAKED, Measure("calls", "calls made", "sum"), Measure("lapsed", "calls settled by the reaper", "sum")),
    ),
    Scenario(
        "all-down", 1,
        "SIGKILL to workers, ledger writer and store at one moment under load, then a restart",
        "no call that reached the provider is lost; the books agree to the nano",
        100, "trials", deadly, all_down,
        (*LEAKED, Measure("lapsed", "calls settled by the reaper", "sum")),
    ),
    Scenario(
        "zombie", 1,
        "SIGSTOP to three of four workers for three leases, then SIGCONT: they settle what has lapsed",
        "each lapsed call is corrected once, and then the ledger says what the provider says",
        300, "lapsed calls", deadly, zombie,
        (*LEAKED, Measure("corrections", "corrections written", "sum")),
    ),
]  # fmt: skip
