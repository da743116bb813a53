"""Many callers at one limit at the same moment, the store 5 ms away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from faults import checker
from faults.clients import chat
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import Stage, asks, stage, tally
from faults.tenants import Tenant
from orbit.lib import money

CALLERS = 800
LIMIT = 100
AWAY_S = 0.005
SAMPLE_S = 0.005
BUDGET = "0.01"
TOKENS = 100_000


@contextmanager
def far_store(servers: Servers | None) -> Iterator[Stage]:
    with stage(servers, delay_s=AWAY_S) as made:
        yield made


@dataclass
class Watch:
    """What spent + held of a limit came to at most, looked at again and again."""

    most: int = 0
    looks: int = 0


@contextmanager
def watched(stage: Stage, tenant: Tenant, meter: str) -> Iterator[Watch]:
    watch, stopped = Watch(), threading.Event()

    def look() -> None:
        names: list[str] = []
        while not stopped.is_set():
            if not names:
                names = [one.name for one in checker.counters(stage.store, tenant) if one.meter == meter]
            else:
                for counter in checker.values(stage.store, names):
                    watch.most = max(watch.most, counter.used + counter.held)
                watch.looks += 1
            time.sleep(SAMPLE_S)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        stopped.set()
        thread.join()


def requests(stage: Stage, chance: random.Random) -> Found:
    tenant = stage.tenant([{"name": "daily", "meter": "requests", "per": "day", "limit": LIMIT}])
    streamed = chance.choice((2, 3, 4))
    calls = asks(
        tenant,
        CALLERS,
        lambda index: chat(f"tokens={1 + index % 7}", stream=index % streamed == 0, max_tokens=9),
    )
    spread: list[int] = []
    crowd = stage.crowd(calls, barrier=True)
    crowd.connected = lambda: spread.extend(stage.gateway.spread())
    seen = crowd.run()
    books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, seen)
    reached = len(books.served)
    if tally(seen) != {"200": LIMIT, "429 insufficient_quota": CALLERS - LIMIT}:
        wrongs.append(f"the clients saw {tally(seen)}")
    return Found(wrongs, 1, {"over": reached - LIMIT, "under": LIMIT - reached, "least": min(spread)})


def tokens(stage: Stage, chance: random.Random) -> Found:
    return _amounts(
        stage, chance, {"name": "daily", "meter": "tokens", "per": "day", "limit": TOKENS}, TOKENS
    )


def budget(stage: Stage, chance: random.Random) -> Found:
    limit = {"name": "budget", "meter": "cost", "per": "month", "limit": BUDGET}
    return _amounts(stage, chance, limit, money.nano(BUDGET))


def _amounts(stage: Stage, chance: random.Random, limit: dict[str, Any], most: int) -> Found:
    """Calls that use less than they reserve, each another part of it."""
    tenant = stage.tenant([limit])

    def body(index: int) -> dict[str, Any]:
        directives = (
            f"tokens={chance.randint(1, 400)} prompt_tokens={chance.randint(1, 30)} tokens_per_chunk=50"
        )
        return chat(directives, stream=index % 3 == 0, max_tokens=400)

    calls = asks(tenant, CALLERS, body)
    with watched(stage, tenant, limit["meter"]) as watch:
        seen = stage.crowd(calls, barrier=True).run()
        books = stage.read(tenant)
    wrongs = checker.wrongs(books, tenant, seen)
    truth, charged = books.truth(limit["meter"]), books.charged(limit["meter"])
    if truth != charged:
        wrongs.append(f"the ledger has {charged}, the provider {truth}")
    if not set(tally(seen)) <= {"200", "429 insufficient_quota"}:
        wrongs.append(f"the clients saw {tally(seen)}")
    admitted = sum(one.status == 200 for one in seen)
    figures = {"over": max(0, watch.most - most), "looks": watch.looks, "admitted": admitted}
    return Found(wrongs, 1, {**figures, "filled": round(100 * watch.most / most, 1)})


OVER = Measure("over", "most over the limit", bar=0)
SAMPLED = (
    Measure("over", "max(spent + held) − limit", bar=0),
    Measure("filled", "least that spent + held came to, % of the limit", "min", digits=1),
    Measure("looks", "samples of spent + held", "sum"),
    Measure("admitted", "calls admitted", "sum"),
)

SCENARIOS = [
    Scenario(
        "quota-stampede", 2,
        f"{CALLERS} callers at once against {LIMIT} requests a day, 4 workers, the store behind 5 ms",
        f"exactly {LIMIT} reach the provider", 200, "trials", far_store, requests,
        (OVER, Measure("under", "most under the limit", bar=0), Measure("least", "fewest callers at one worker", "min")),
    ),
    Scenario(
        "token-stampede", 1,
        f"{CALLERS} callers at once against {TOKENS} tokens a day; calls use less than they reserve",
        "spent + held is never over the limit; the ledger says what the provider says", 200, "trials",
        far_store, tokens, SAMPLED,
    ),
    Scenario(
        "budget-stampede", 1,
        f"the same against a budget of USD {BUDGET} a month",
        "spent + held is never over the budget; the ledger says what the provider says, to the nano",
        200, "trials", far_store, budget, SAMPLED,
    ),
]  # fmt: skip
