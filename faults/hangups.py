"""Clients that leave at any point of an answer, and what they are charged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from faults import checker
from faults.clients import Ask, chat
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import WORKERS, Stage, asks, stage
from faults.tenants import Tenant

CALLS = 40  # of each of the two ways of taking leave of the provider
AT_ONCE = 40
LIMITS: list[dict[str, Any]] = [
    {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "1000.00"},
    {"name": "at-once", "meter": "concurrency", "limit": 1_000},
]
DRAIN = {"drain": {"max_s": 20, "max_cost": "1.00"}}
WORDS = (
    "gateway",
    "counts",
    "what",
    "a",
    "provider",
    "makes",
    "and",
    "whoever",
    "asked",
    "pays",
    "for",
    "it",
)


@contextmanager
def warm(servers: Servers | None) -> Iterator[Stage]:
    """Every worker has loaded its tokenizer, which takes a moment, once."""
    with stage(servers) as made:
        unsaid = asks(made.tenant([]), 8 * WORKERS, lambda _: chat("tokens=3 usage=missing", max_tokens=9))
        made.crowd(unsaid, barrier=True).run()
        yield made


def leave(stage: Stage, chance: random.Random) -> Found:
    cancels = stage.tenant(LIMITS, on_disconnect="cancel")
    drains = stage.tenant(LIMITS, on_disconnect=DRAIN)
    calls = [
        _leaving(one, chance) for tenant in (cancels, drains) for one in asks(tenant, CALLS, lambda _: {})
    ]
    chance.shuffle(calls)
    seen = stage.crowd(calls, at_once=AT_ONCE).run()
    wrongs: list[str] = []
    figures: dict[str, list[float]] = {}
    free = 0
    for name, tenant in (("cancel", cancels), ("drain", drains)):
        errors, unpaid = _compare(
            stage, tenant, wrongs, [one for one in seen if one.user.startswith(tenant.tag)]
        )
        figures[name], free = errors, free + unpaid
    return Found(
        wrongs,
        sum(map(len, figures.values())),
        {**figures, "all": [*figures["cancel"], *figures["drain"]], "free": free},
    )


def _leaving(ask: Ask, chance: random.Random) -> Ask:
    """One point of the lattice: before the first byte, at a token, before the usage, or within a plain answer."""
    tokens = chance.randint(40, 400)
    prompt = " ".join(chance.choices(WORDS, k=chance.randint(50, 400)))
    where = chance.choice(["first", "token", "token", "token", "usage", "plain"])
    directives, more = f"tokens={tokens} pace_ms={chance.randint(10, 20)}", {"stream": where != "plain"}
    at: dict[str, Any] = {"leave_after": chance.randint(1, tokens - 1)}
    if where == "first":
        directives += " first_ms=1000"
        at = {"leave_after_s": chance.uniform(0.1, 0.8)}
    elif where == "usage":
        directives += " usage_after_ms=500"
        at = {"leave_after": tokens}
    elif where == "plain":
        at = {"leave_after_s": chance.uniform(0.05, 0.3)}
    content = f"{prompt} [[orbit-demo: {directives}]]"
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 500,
        **more,
    }
    return replace(ask, body=body, reset=chance.random() < 0.5, **at)


def _compare(stage: Stage, tenant: Tenant, wrongs: list[str], seen: Any) -> tuple[list[float], int]:
    """How far each call's charge is from the oracle's, as a part of it; how many were free that should not be."""
    books = stage.read(tenant)
    wrongs += checker.wrongs(books, tenant, seen)
    truth = {checker.user_of(one): one["cost_nano"] for one in books.served}
    errors, free = [], 0
    for event in books.calls:
        cost = truth.get(str(event.end_user), 0)
        if cost:
            errors.append(round(100 * abs((event.cost_nano or 0) - cost) / cost, 3))
            free += not event.cost_nano
    return errors, free


SCENARIOS = [
    Scenario(
        "hangup-lattice", 1,
        "clients leave by FIN or RST before the first byte, at any token, before the usage, within a plain answer",
        "what is billed is what the provider made: median error 0, p99 at most 5 %, nothing for free",
        2_000, "calls", warm, leave,
        (
            Measure("all", "|billed − oracle| / oracle, median, %", "median", 0, 2),
            Measure("all", "the same, p99, %", "p99", 5, 2),
            Measure("cancel", "p99 where the provider is cut off, %", "p99", None, 2),
            Measure("drain", "p99 where its answer is read to the end, %", "p99", None, 2),
            Measure("free", "calls billed nothing although the provider worked", "sum", 0),
        ),
    ),
]  # fmt: skip
