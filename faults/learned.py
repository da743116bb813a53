"""Reservations learned from a history that is ten times too low, and extended as the streams grow."""

from __future__ import annotations

import random
from typing import Any

from faults import checker
from faults.clients import chat
from faults.scenario import Found, Measure, Scenario
from faults.stage import Stage, asks, tally
from faults.stampedes import far_store, watched

LIMIT = 1_000_000
STREAMS = 50
TOLD, TRUE = 3_000, 30_000  # tokens of an answer by history, and in truth: more than the limit holds
HISTORY = 30


def tenfold(stage: Stage, chance: random.Random) -> Found:
    tenant = stage.tenant(
        [{"name": "output", "meter": "output_tokens", "per": "day", "limit": LIMIT}],
        output_reserve="learned",
        unpriced_models={"input": "0.15", "output": "0.60"},  # what the provider takes for a model of its own
    )

    def answer(tokens: int) -> dict[str, Any]:
        directives = f"tokens={tokens} tokens_per_chunk=20 pace_ms={chance.randint(4, 8)}"
        return {**chat(directives, stream=True, max_tokens=LIMIT), "model": "demo-chat"}

    told = asks(
        tenant, HISTORY, lambda _: {**answer(chance.randint(TOLD * 8 // 10, TOLD)), "max_tokens": 2 * TOLD}
    )
    seen = stage.crowd(told, at_once=5).run()
    stage.read(tenant)
    with watched(stage, tenant, "output_tokens") as watch:
        streams = asks(tenant, STREAMS, lambda _: answer(chance.randint(TRUE, TRUE * 12 // 10)))
        seen += stage.crowd(streams, barrier=True).run()
        books = stage.read(tenant)
    wrongs = [one for one in checker.wrongs(books, tenant, seen) if "the provider has" not in one]
    made, charged = books.truth("output_tokens"), books.charged("output_tokens")
    if len({one.user for one in seen if one.status == 200}) < HISTORY + STREAMS // 2:
        wrongs.append(f"too few were admitted at once to say anything: {tally(seen)}")
    return Found(
        wrongs, 1,
        {
            "over": max(0, watch.most - LIMIT),
            "overdraft": round(100 * max(0, made - LIMIT) / LIMIT, 3),
            "unbilled": round(100 * max(0, made - charged) / LIMIT, 3),
            "filled": round(100 * charged / LIMIT, 1),
            "looks": watch.looks,
        },
    )  # fmt: skip


SCENARIOS = [
    Scenario(
        "tenfold", 2,
        f"{STREAMS} streams against {LIMIT:,} output tokens, reserved by a history ten times too low",
        "reservations are extended ahead of use: spent + held is never over the limit",
        30, "trials", far_store, tenfold,
        (
            Measure("over", "max(spent + held) − limit", bar=0),
            Measure("overdraft", "worst overdraft by the provider's books, % of the limit", "max", 2, 3),
            Measure("unbilled", "most that the provider made and we did not see, % of the limit", "max", None, 3),
            Measure("filled", "least part of the limit that was used, %", "min", None, 1),
            Measure("looks", "samples of spent + held", "sum"),
        ),
    ),
]  # fmt: skip
