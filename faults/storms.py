"""A crowd at an account that fails in every way that it can, with another that serves well behind it."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audit.models import Event
from faults import checker
from faults.clients import Crowd, Seen, chat
from faults.hostile import Script, hostile, whole
from faults.mutations import written
from faults.samples import chat_answer
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import WORKERS, Stage, asks, stage, tally
from faults.tenants import Tenant
from proxy.health import FIRST_PAUSE_S, PROBE_S
from proxy.routing import FEW, SHARE

CALLS = 500
KNOWN_S = 1.5  # until the other workers have heard of it: they tell each other every second
AFTER = 40  # calls that then should leave it alone
ASKED_S = 20  # what it says in Retry-After
FAULTS = ("429", "500", "503", "refused", "silent TLS")
BREAKING = FAULTS[1:]
LIMITS: list[dict[str, Any]] = [
    {"name": "rpd", "meter": "requests", "per": "day", "limit": 1_000_000},
    {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "1000.00"},
    {"name": "at-once", "meter": "concurrency", "limit": 1_000},
]
ERROR = b'{"error": {"message": "not now", "type": "server_error", "param": null, "code": null}}'
HEADS = {
    "429": b"429 Too Many Requests",
    "500": b"500 Internal Server Error",
    "503": b"503 Service Unavailable",
}


class Mood:
    """How the first account answers; "well" is a completion of its own."""

    def __init__(self) -> None:
        self.now = "well"

    def answer(self, head: bytes, body: bytes) -> Script:
        if self.now == "well":
            answer = chat_answer()
            answer["choices"][0] |= {
                "message": {"role": "assistant", "content": "Hello"},
                "finish_reason": "stop",
            }
            return whole(written(answer))
        asks_to_wait = [b"retry-after: %d" % ASKED_S] if self.now == "429" else []
        return whole(ERROR, HEADS[self.now], *asks_to_wait)


@contextmanager
def moody(servers: Servers | None, workers: int = WORKERS) -> Iterator[Stage]:
    with hostile(Mood().answer) as other, stage(servers, workers=workers, hostile=other) as made:
        yield made


def trial(
    stage: Stage,
    chance: random.Random,
    *,
    fault: str | None = None,
    calls: int = CALLS,
    known_s: float = KNOWN_S,
    heals: bool = True,
) -> Found:
    """`heals` waits for the first account's pause to end, and sees it used again."""
    assert stage.hostile is not None
    fault = fault or chance.choice(FAULTS)
    tenant, mood = _tenant(stage, fault), Mood()
    stage.hostile.answer, mood.now = mood.answer, fault
    stage.hostile.deaf = fault == "silent TLS"
    if fault == "refused":
        stage.hostile.refuse()
    try:
        storm = _crowd(stage, tenant, calls, barrier=True)
        time.sleep(known_s)
        after = _crowd(stage, tenant, AFTER)
    finally:
        stage.hostile.deaf = False
        if fault == "refused":
            stage.hostile.listen()
    mood.now = "well"
    heals = heals and fault != "silent TLS"  # which has no certificate to be well with
    healed = not heals or _healed(stage, tenant)
    books = stage.read(tenant)
    wrongs = checker.standing(books, tenant) + _attempts(books.calls, fault)
    for name, seen in (("storm", storm), ("calls after it", after)):
        if set(tally(seen)) != {"200"}:
            wrongs.append(f"{fault}: the {name} saw {tally(seen)}")
    late = _of(books.calls, after)
    tried = sum(len(_tries(event)) > 1 for event in late)
    if tried:
        wrongs.append(
            f"{fault}: {tried} of {len(late)} calls still went to the first account {known_s} s later"
        )
    if not healed:
        wrongs.append(f"{fault}: the first account was well again and was not used again")
    tries = sum(len(_tries(event)) for event in _of(books.calls, storm))
    return Found(wrongs, calls, {"amplification": round(tries / calls, 2), "late": tried})


def _tenant(stage: Stage, fault: str) -> Tenant:
    assert stage.hostile is not None
    scheme = "https" if fault == "silent TLS" else "http"
    kind = {"kind": "openai_compatible", "prices_as": "openai", "credential": {"value": "sk-demo-storm"}}
    accounts = [
        {"name": "first", "base_url": f"{scheme}://127.0.0.1:{stage.hostile.port}/v1", **kind},
        {"name": "second", "base_url": stage.provider.base_url, **kind},
    ]
    model = "gpt-4o-mini"
    route = {
        "alias": model,
        "targets": [
            {"account": "first", "model": model, "weight": 1},
            {"account": "second", "model": model, "weight": 0},
        ],
        "retries": 2,
        "timeouts": {"connect_s": 2},
    }
    return stage.tenant(LIMITS, accounts=accounts, models=[route])


def _crowd(stage: Stage, tenant: Tenant, calls: int, *, barrier: bool = False) -> list[Seen]:
    return Crowd(
        stage.gateway.port, asks(tenant, calls, lambda _: chat("tokens=3", max_tokens=9)), 20, barrier
    ).run()


def _healed(stage: Stage, tenant: Tenant) -> bool:
    """Whether calls go to the first account again, once its pause is over."""
    assert stage.hostile is not None
    before, deadline = stage.hostile.received, time.monotonic() + max(ASKED_S, FIRST_PAUSE_S) + 2 * PROBE_S
    while stage.hostile.received == before and time.monotonic() < deadline:
        time.sleep(1)
        _crowd(stage, tenant, 4)
    return stage.hostile.received > before


def _of(events: list[Event], seen: list[Seen]) -> list[Event]:
    users = {one.user for one in seen}
    return [event for event in events if event.end_user in users]


def _tries(event: Event) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = event.detail["attempts"]
    return found


def _attempts(events: list[Event], fault: str) -> list[str]:
    """Each try is in its event, in order and with its own cost; repetitions at one account are within the budget."""
    wrongs, tried, repeated = [], Counter[str](), Counter[str]()
    for event in events:
        names = [one["account"] for one in _tries(event)]
        tried.update(names)
        repeated.update(a for a, b in itertools.pairwise(names) if a == b)
        if any(one["cost_nano"] for one in _tries(event)[:-1]):
            wrongs.append(f"{fault}: a try that failed was charged: {_tries(event)}")
        if event.status == "settled" and _tries(event)[-1]["cost_nano"] != event.cost_nano:
            wrongs.append(f"{fault}: {event.cost_nano} is not what the last try cost: {_tries(event)}")
    for name, times in repeated.items():
        if times > tried[name] * SHARE + FEW * WORKERS:
            wrongs.append(f"{fault}: {times} of {tried[name]} tries at {name} were repetitions")
    return wrongs


SCENARIOS = [
    Scenario(
        "retry-storm", 1,
        f"{CALLS} calls at once over {WORKERS} workers, their first account failing by {', '.join(FAULTS)}, the second well",
        f"all served by the second; {KNOWN_S} s later all workers leave the first alone; well again, it is used again; "
        "each try in its event with its cost",
        10_000, "calls", moody, trial,
        (
            Measure("amplification", "most tries for one call of a storm, on average", "max", 2, 2),
            Measure("late", "calls that still went to the first account then", "sum", 0),
        ),
    ),
]  # fmt: skip
