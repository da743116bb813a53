"""What a call of the ledger costs at given rates: the same arithmetic as when it was charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from orbit.lib import money
from orbit.lib.clock import to_us
from quotas.rates import PARTS, UNITS, Rates

TOKENS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
LONGER = "cache_write_1h_tokens"


@dataclass(slots=True)
class Used:
    """A call with its corrections: what it used in all, and what it was charged, adjustments of it included.

    `cost_nano` is None while it has no price. `times`: how often the provider counted it, where an approved exception says so.
    `settled`: how many of these there are.
    """

    row: Mapping[str, Any]
    tokens: dict[str, int]
    detail: Mapping[str, Any]
    cost_nano: int | None
    versions: list[str] = field(default_factory=list)
    times: int = 1
    settled: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Used:
        return cls(row, {name: row[name] or 0 for name in TOKENS}, row["detail"], row["cost_nano"])

    def correct(self, row: Mapping[str, Any]) -> None:
        """Adds a correction: its counts are differences, its long tail is the whole."""
        for name in TOKENS:
            self.tokens[name] += row[name] or 0
        self.detail = {**self.detail, **row["detail"]}
        self.charge(row)

    def settle(self, row: Mapping[str, Any]) -> None:
        """Adds the adjustment of an approved exception: all of it are differences, its long tail too."""
        for name in TOKENS:
            self.tokens[name] += row[name] or 0
        longer = _whole(row["detail"].get(LONGER))
        if longer:
            self.detail = {**self.detail, LONGER: _whole(self.detail.get(LONGER)) + longer}
        self.times += _whole(row["detail"].get("calls"))
        self.settled += 1
        self.charge(row)

    def charge(self, row: Mapping[str, Any]) -> None:
        """Adds what was charged, or given back, later."""
        if row["cost_nano"] is not None:
            self.cost_nano = (self.cost_nano or 0) + row["cost_nano"]

    @property
    def event_id(self) -> UUID:
        found: UUID = self.row["event_id"]
        return found

    @property
    def admitted_at(self) -> datetime:
        found: datetime = self.row["admitted_at"]
        return found


def rates_at(known: Rates | None, moment: datetime) -> Rates | None:
    """The set in force at a moment; None where there is no price."""
    if known is None:
        return None
    rates = known.at(to_us(moment))
    return rates if rates.priced else None


def cost_of(used: Used, rates: Rates) -> int:
    """In nano-units, rounded up once, as `proxy` charges it."""
    tokens, detail = used.tokens, used.detail
    parts = {name: count for name in PARTS if (count := _part(used, name))}
    units = {name: count for name in UNITS if (count := _whole(detail.get(name)))}
    tier = detail.get("service_tier")
    cost = rates.cost_nano(
        tokens["input_tokens"],
        tokens["output_tokens"],
        cached=tokens["cached_input_tokens"],
        cache_write=tokens["cache_write_tokens"],
        parts=parts,
        units=units,
        service_tier=tier if isinstance(tier, str) else None,
    )
    return min(cost, money.LIMIT - 1)


def _part(used: Used, name: str) -> int:
    return (
        used.tokens["reasoning_tokens"] if name == "reasoning" else _whole(used.detail.get(f"{name}_tokens"))
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
