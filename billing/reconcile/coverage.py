"""Sums of comparisons: how much of what was spent was reconciled, how exactly, and how the difference moved over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib.postgres.aggregates import BoolAnd
from django.db.models import F, Q, Sum

from billing.models import Comparison
from billing.reconcile.connectors.base import midnight
from billing.reconcile.sides import Cause
from quotas import totals


@dataclass(frozen=True, slots=True)
class Coverage:
    """Money in nano-units. `spent` is what the ledger has of the span, `compared` the part of it that final days cover.

    `exact`: of the compared, days and models where nothing but rounding differed. `estimated`: by our own counts.
    """

    spent_nano: int = 0
    compared_nano: int = 0
    exact_nano: int = 0
    estimated_nano: int = 0
    theirs_nano: int = 0
    ours_nano: int = 0
    unexplained_nano: int = 0
    days: list[dict[str, Any]] = field(default_factory=list)
    causes: list[dict[str, Any]] = field(default_factory=list)

    def share(self, name: str) -> float | None:
        """Of what was spent; of the compared for the rest. None where there is nothing."""
        whole = self.spent_nano if name == "compared" else self.compared_nano
        return getattr(self, f"{name}_nano") / whole if whole > 0 else None


def coverage(since: date, until: date, account_id: Any = None) -> Coverage:
    """Of the organization in scope over [since, until), days of UTC."""
    rows = Comparison.objects.filter(day__gte=since, day__lt=until)
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    final = rows.filter(final=True)
    sums = final.aggregate(
        ours=Sum("ours_nano", default=0),
        theirs=Sum("theirs_nano", default=0),
        estimated=Sum("estimated_nano", default=0),
        unexplained=Sum("unexplained_nano", default=0),
        exact=Sum("ours_nano", filter=_exact(), default=0),
    )
    return Coverage(
        spent_nano=_spent(since, until, account_id),
        compared_nano=sums["ours"],
        exact_nano=sums["exact"],
        estimated_nano=sums["estimated"],
        theirs_nano=sums["theirs"],
        ours_nano=sums["ours"],
        unexplained_nano=sums["unexplained"],
        days=_days(rows),
        causes=_causes(final.values_list("parts", flat=True).iterator(2_000)),
    )


def _exact() -> Q:
    """Both sides have the same tokens, and the money differs by rounding alone."""
    rounding = [{"cause": str(Cause.ROUNDING)}]
    alone = Q(parts=[]) | (Q(parts__contains=rounding) & Q(parts__1__isnull=True))
    return Q(ours_tokens=F("theirs_tokens")) & alone


def _spent(since: date, until: date, account_id: Any) -> int:
    only = {} if account_id is None else {"account_id": [account_id]}
    found: int = totals.totals(midnight(since), midnight(until), only=only).totals["cost_nano"]
    return found


def _days(rows: Any) -> list[dict[str, Any]]:
    found = (
        rows.order_by("day")
        .values("day")
        .annotate(
            ours_nano=Sum("ours_nano"),
            theirs_nano=Sum("theirs_nano"),
            ours_tokens=Sum("ours_tokens"),
            theirs_tokens=Sum("theirs_tokens"),
            unexplained_nano=Sum("unexplained_nano"),
            final=BoolAnd("final"),
        )
    )
    return [row | {"drift_nano": row["theirs_nano"] - row["ours_nano"]} for row in found]


def _causes(many: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Absolute amounts, so that a surplus and a shortfall do not hide one another."""
    found: dict[str, dict[str, Any]] = {}
    for parts in many:
        for part in parts:
            one = found.setdefault(
                part["cause"], {"cause": part["cause"], "count": 0, "tokens": 0, "money_nano": 0}
            )
            one["count"] += part["count"]
            one["tokens"] += abs(part["tokens"])
            one["money_nano"] += abs(part["money_nano"])
    return sorted(found.values(), key=lambda one: -one["money_nano"])
