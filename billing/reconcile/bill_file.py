"""A CSV file of a bill as a whole: checked for an organization, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.reconcile.connectors import mapped
from billing.reconcile.connectors.base import DAY, CostRow, UsageRow
from billing.reconcile.runs import LONGEST
from orbit.lib.errors import InputError
from orbit.lib.money import NANO


@dataclass(frozen=True, slots=True)
class ModelSum:
    """Of one model in a file. `requests` and `amount` None: no column has them."""

    model: str
    lines: int
    tokens: int
    requests: int | None
    amount: Decimal | None

    @property
    def amount_nano(self) -> int | None:
        return None if self.amount is None else round(self.amount * NANO)


@dataclass(frozen=True, slots=True)
class BillFile:
    """Its lines in the order of the file, each with its cost where the file has amounts. Days in [since, until)."""

    rows: Sequence[tuple[UsageRow, CostRow | None]]
    since: date
    until: date

    def require(self, currency: str) -> None:
        """InputError where amounts are in another one."""
        if any(cost.amount and cost.currency != currency for _, cost in self.rows if cost):
            raise InputError("mapping.currency", f"must be {currency}, which the organization counts in")

    def sums(self) -> list[ModelSum]:
        """By model, in alphabetical order."""
        by_model: dict[str, list[tuple[UsageRow, CostRow | None]]] = {}
        for usage, cost in self.rows:
            by_model.setdefault(usage.model, []).append((usage, cost))
        return [_sum(model, rows) for model, rows in sorted(by_model.items())]


def _sum(model: str, rows: Sequence[tuple[UsageRow, CostRow | None]]) -> ModelSum:
    requests = [usage.requests for usage, _ in rows if usage.requests is not None]
    amounts = [cost.amount for _, cost in rows if cost is not None]
    return ModelSum(
        model,
        len(rows),
        sum(usage.counts.total for usage, _ in rows),
        sum(requests) if requests else None,
        sum(amounts, Decimal()) if amounts else None,
    )


def read(content: bytes, mapping: Mapping[str, Any]) -> BillFile:
    """InputError where a line or the mapping is wrong, or the time too long."""
    rows = list(mapped.rows(content, mapped.mapping(mapping)))
    if not rows:
        raise InputError("file", "has no lines")
    since, until = min(one.start.date() for one, _ in rows), max(one.start.date() for one, _ in rows) + DAY
    if until - since > LONGEST:
        raise InputError("file", f"spans more than {LONGEST.days} days", "import a shorter time")
    return BillFile(rows, since, until)
