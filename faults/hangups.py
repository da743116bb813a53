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
CLAUDE, GPT = "claude-haiku-4-5", "gpt-4o-mini"
ROADS = (("chat/completions", GPT), ("messages", CLAUDE), ("chat/completions", CLAUDE), ("messages", GPT))
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
    cancels = _tenant(stage, on_disconnect="cancel")
    drains = _tenant(stage, on_disconnect=DRAIN)
    calls = [
        _leaving(one, chance) for tenant in (cancels, drains) for one in asks(tenant, CALLS, lambda _: {})
    ]
    chance.shuffle(calls)
    seen = stage.crowd(calls, at_once=AT_ONCE).run()
    wrongs: list[str] = []
    figures: dict[str, list[float]] = {}
    free = 0
    for name, tenant in (("cancel", cancels), ("drain", drains)):
        mine = [one for one in seen if one.user.startswith(tenant.tag)]
        errors, padded, unpaid = _compare(stage, tenant, wrongs, mine)
        figures[name], free = errors, free + unpaid
        figures.setdefault("padded", []).extend(padded)
    units = sum(map(len, figures.values()))
    return Found(wrongs, units, {**figures, "all": [*figures["cancel"], *figures["drain"]], "free": free})


def _tenant(stage: Stage, **policy: Any) -> Tenant:
    """With an account of either kind, and a model at each."""
    accounts = [
        {
            "name": kind,
            "kind": kind,
            "base_url": stage.provider.base_url,
            "credential": {"value": "sk-demo-faults"},
        }
        for kind in ("openai", "anthropic")
    ]
    models = [
        {"alias": model, "targets": [{"account": account, "model": model}]}
        for model, account in ((GPT, "openai"), (CLAUDE, "anthropic"))
    ]
    return stage.tenant(LIMITS, accounts=accounts, models=models, **policy)


def _leaving(ask: Ask, chance: random.Random) -> Ask:
    """One point of the lattice: before the first byte, at a token, before the usage, or within a plain answer.

    On either surface, before either kind of provider; half of the Claudes keep a running figure, as no tokenizer of
    theirs is public.
    """
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
    path, model = chance.choice(ROADS)
    if model == CLAUDE and chance.random() < 0.5:
        directives += " usage=running"
    content = f"{prompt} [[orbit-demo: {directives}]]"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 500,
        **more,
    }
    return replace(ask, body=body, path=path, reset=chance.random() < 0.5, **at)


def _compare(
    stage: Stage, tenant: Tenant, wrongs: list[str], seen: Any
) -> tuple[list[float], list[float], int]:
    """How far each call's charge is from the oracle's, as a part of it, those that we counted for Claude apart; and how
    many were free that should not be."""
    books = stage.read(tenant)
    wrongs += checker.wrongs(books, tenant, seen)
    truth = {checker.user_of(one): one for one in books.served}
    errors: list[float] = []
    padded: list[float] = []
    free = 0
    for event in books.calls:
        served = truth.get(str(event.end_user))
        if served is None or not served["cost_nano"]:
            continue
        ours, theirs = event.cost_nano or 0, served["cost_nano"]
        free += not ours
        counted = event.usage_source != "provider" and event.upstream_model == CLAUDE
        if counted and "usage=running" not in str(served["fields"]):
            padded.append(round(100 * (ours - theirs) / theirs, 3))
        else:
            errors.append(round(100 * abs(ours - theirs) / theirs, 3))
    return errors, padded, free


SCENARIOS = [
    Scenario(
        "hangup-lattice", 2,
        "clients of chat completions and of Messages, native and translated, leave by FIN or RST before the first byte, "
        "at any token, before the usage, within a plain answer",
        "what is billed is what the provider made: median error 0, p99 at most 5 %, nothing for free",
        2_000, "calls", warm, leave,
        (
            Measure("all", "|billed − oracle| / oracle, median, %", "median", 0, 2),
            Measure("all", "the same, p99, %", "p99", 5, 2),
            Measure("cancel", "p99 where the provider is cut off, %", "p99", None, 2),
            Measure("drain", "p99 where its answer is read to the end, %", "p99", None, 2),
            Measure("padded", "most billed over the oracle where we count for Claude, whose tokenizer is not public, %", "max", None, 2),
            Measure("padded", "least of the same, %", "min", None, 2),
            Measure("free", "calls billed nothing although the provider worked", "sum", 0),
        ),
    ),
]  # fmt: skip
