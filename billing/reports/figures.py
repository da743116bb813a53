"""The figures of one row of a report, and what follows from them. Pure; money in nano-units, unknown is None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from orbit.lib import money

COUNTED = (
    "requests", "refused", "failed", "input_tokens", "output_tokens", "cost_nano", "estimated_requests",
    "unpriced_requests",
)  # fmt: skip
ALL = (*COUNTED, "converted_nano", "unconverted_nano")


@dataclass(frozen=True, slots=True)
class Figures:
    requests: int = 0
    refused: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    estimated_requests: int = 0
    unpriced_requests: int = 0
    converted_nano: Decimal = Decimal(0)  # the cost in the reporting currency, exact
    unconverted_nano: int = 0  # of times before its first rate

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Figures:
        counted: dict[str, Any] = {name: int(row[name]) for name in COUNTED}
        converted = Decimal(row.get("converted_nano", 0))
        return cls(**counted, converted_nano=converted, unconverted_nano=int(row.get("unconverted_nano", 0)))

    @classmethod
    def added(cls, some: Iterable[Figures]) -> Figures:
        rows = list(some)
        return cls(**{name: sum(getattr(one, name) for one in rows) for name in ALL})

    def without(self, part: Figures) -> Figures:
        return Figures(**{name: getattr(self, name) - getattr(part, name) for name in ALL})

    @property
    def is_empty(self) -> bool:
        return self == Figures()

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def is_unpriced(self) -> bool:
        """Whether nothing is known of what it cost: it was used, and none of it had a price."""
        return self.cost_nano == 0 and 0 < self.unpriced_requests >= self.requests - self.failed

    @property
    def cost_per_request_nano(self) -> int | None:
        """Of the requests whose cost is known."""
        return _divided(self.cost_nano, self.requests - self.unpriced_requests)

    @property
    def cost_per_1k_tokens_nano(self) -> int | None:
        """None also while tokens without a price are among them: nobody knows how many."""
        return None if self.unpriced_requests else _divided(self.cost_nano * 1000, self.tokens)

    @property
    def rounded_converted_nano(self) -> int:
        return int(self.converted_nano.to_integral_value(ROUND_HALF_UP))

    @property
    def estimated_percent(self) -> float | None:
        return round(100 * self.estimated_requests / self.requests, 2) if self.requests > 0 else None

    def shown(self, *, is_converted: bool) -> dict[str, Any]:
        """As the API has it."""
        per_request, per_1k = self.cost_per_request_nano, self.cost_per_1k_tokens_nano
        return {
            **{name: getattr(self, name) for name in COUNTED},
            "cost": money.amount(self.cost_nano),
            "converted": money.amount(self.rounded_converted_nano) if is_converted else None,
            "cost_per_request": None if per_request is None else money.amount(per_request),
            "cost_per_1k_tokens": None if per_1k is None else money.amount(per_1k),
            "estimated_percent": self.estimated_percent,
            "unpriced": self.is_unpriced,
        }


def _divided(cost_nano: int, by: int) -> int | None:
    """To the nearest nano-unit, halves up."""
    return (2 * cost_nano + by) // (2 * by) if by > 0 else None
