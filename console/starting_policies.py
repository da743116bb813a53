"""Policies to begin with, and what they mean in words and money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orbit.lib import money
from quotas.rates import Rates

# A short question with a bit of context, and an answer of a few paragraphs.
TYPICAL_INPUT, TYPICAL_OUTPUT = 1_000, 300


@dataclass(frozen=True, slots=True)
class Starting:
    name: str
    title: str
    purpose: str
    budget: str  # a month, in the organization's currency
    per_minute: int
    at_once: int

    @property
    def document(self) -> dict[str, Any]:
        return {
            "limits": [
                {"name": "budget", "meter": "cost", "per": "month", "limit": self.budget},
                {"name": "per-minute", "meter": "requests", "per": "minute", "limit": self.per_minute},
                {"name": "at-once", "meter": "concurrency", "limit": self.at_once},
            ]
        }


STARTING = (
    Starting("trial", "Trial", "One person finding out what it does.", "10.00", 60, 5),
    Starting("team", "Team", "A team and its tools.", "200.00", 600, 25),
    Starting("production", "Production", "An application with users.", "2000.00", 3_000, 100),
)
BY_NAME: Mapping[str, Starting] = {one.name: one for one in STARTING}


@dataclass(frozen=True, slots=True)
class Meaning:
    """`answers` is about how many typical ones of `model` the budget pays for; None when its price is not known yet."""

    starting: Starting
    sentences: tuple[str, ...]
    model: str | None
    answers: int | None

    @property
    def budget(self) -> str:
        return _whole(self.starting.budget)


def meaning(starting: Starting, currency: str, model: str | None, rates: Rates | None) -> Meaning:
    sentences = (
        f"Stops at {_whole(starting.budget)} {currency} in a calendar month. No call is let in that could go beyond it.",
        f"At most {starting.per_minute:,} calls a minute, and {starting.at_once} at once.",
        "Every model and endpoint of the organization; calls of models without a known price are refused.",
    )
    answers = None
    if rates is not None:
        each = rates.cost_nano(TYPICAL_INPUT, TYPICAL_OUTPUT)
        answers = rounded(money.nano(starting.budget) // each) if each else None
    return Meaning(starting, sentences, model, answers)


def _whole(amount: str) -> str:
    return f"{int(float(amount)):,}"


def rounded(count: int) -> int:
    """Down to two digits that count: it is a rule of thumb, and looks like one."""
    scale: int = 10 ** max(0, len(str(count)) - 2)
    return count // scale * scale
