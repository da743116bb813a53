"""What is told to both sides, and what is planted in it. Drawn from a seed; without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orbit.demo.bills.planting import KINDS, History, Model, Whose

ADMIN_KEY = "sk-admin-pretend-0123456789abcdef"
CALL_KEY = "sk-or-pretend-0123456789abcdef"
MILLION = 1_000_000_000
PRICES: dict[str, list[tuple[str, str, tuple[int, int, int, int, int]]]] = {
    "openai": [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", (150, 75, 150, 150, 600)),
        ("gpt-4o", "gpt-4o-2024-08-06", (2_500, 1_250, 2_500, 2_500, 10_000)),
        ("gpt-4.1", "gpt-4.1-2025-04-14", (2_000, 500, 2_000, 2_000, 8_000)),
    ],
    "anthropic": [
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", (3_000, 300, 3_750, 6_000, 15_000)),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", (1_000, 100, 1_250, 2_000, 5_000)),
    ],
    "openrouter": [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini", (150, 75, 150, 150, 600)),
        ("openai/gpt-4o", "openai/gpt-4o", (2_500, 1_250, 2_500, 2_500, 10_000)),
    ],
}
LAG_DAYS = {"openai": 2, "anthropic": 1, "openrouter": 1}
# Of a provider whose reports tell no more than a day: what is seen without its records of single calls.
BY_DAY = ("missing_here", "missing_there", "duplicate", "price", "late")
BY_CALL = (*BY_DAY, "time_boundary", "cache_split", "estimate")


@dataclass(frozen=True, slots=True)
class Plan:
    """`each` of every kind at random, and once more `overlapping` of each kind on one day of one model."""

    provider: str
    calls: int = 10_000
    days: int = 5
    each: int = 5
    overlapping: int = 1
    around_the_clock: bool = False  # with calls under way at midnight, which nobody planted
    apart: bool = False  # no two differences of one model within minutes of each other
    by_call: bool = True  # with records of single calls, where the provider has them

    @property
    def has_records(self) -> bool:
        return self.by_call and self.provider == "openrouter"


def history(plan: Plan, seed: int, whose: Whose, until: date) -> History:
    """Drawn and planted, not yet finished."""
    made = History(
        seed,
        whose,
        models(plan.provider),
        days=plan.days,
        until=until,
        split_writes=plan.provider == "anthropic",
        costs_by_key=plan.provider != "anthropic",
        by_call=plan.has_records,
    )
    if plan.provider == "openrouter":
        made.plain()
    if plan.apart:
        made.keep_apart()
    made.draw(plan.calls, around_the_clock=plan.around_the_clock)
    _plant(made, plan)
    return made


def models(provider: str) -> list[Model]:
    return [Model(asked, counted, _prices(rates)) for asked, counted, rates in PRICES[provider]]


def _plant(history: History, plan: Plan) -> None:
    kinds = KINDS if plan.provider != "openrouter" else BY_CALL if plan.has_records else BY_DAY
    for kind in kinds:
        for _ in range(plan.each):
            history.plant(kind)
    for kind in kinds:
        for _ in range(plan.overlapping if kind != "late" else 0):
            history.plant(kind, 1, history.models[0])


def _prices(rates: Sequence[int]) -> dict[str, int]:
    names = ("fresh", "cached", "write_5m", "write_1h", "output")
    return {name: rate * MILLION // 1_000 for name, rate in zip(names, rates, strict=True)}
