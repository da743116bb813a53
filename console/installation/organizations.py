"""Organizations as an operator looks for them: by name, by state, by what they spend. Read as the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q, Sum

from console.support import state_of
from quotas.models import UsageBucket
from tenants.models import Organization

SHOWN = 25
STATES = {
    "": "all",
    "open": "open",
    "suspended": "frozen",
    "deleted": "deleted",
}
_WHERE = {
    "": "o.purged_at IS NULL",
    "open": "o.suspended_at IS NULL AND o.deleted_at IS NULL",
    "suspended": "o.suspended_at IS NOT NULL AND o.purged_at IS NULL",
    "deleted": "o.deleted_at IS NOT NULL AND o.purged_at IS NULL",
}
# Each organization's sums of today by its index, so that nothing reads the whole table.
_FOUND = """
SELECT o.id FROM tenants_organization o
LEFT JOIN LATERAL (
    SELECT sum(b.cost_nano) AS cost, sum(b.requests) AS calls FROM quotas_usagebucket b
    WHERE b.organization_id = o.id AND b.starts_at >= %(today)s
) s ON {by_spend}
WHERE {where} AND (%(term)s = '' OR o.slug ILIKE %(like)s OR o.name ILIKE %(like)s OR o.id::text = %(term)s)
ORDER BY s.cost DESC NULLS LAST, s.calls DESC NULLS LAST, o.slug LIMIT %(most)s OFFSET %(after)s
"""


@dataclass(slots=True)
class Sums:
    calls: int = 0
    failed: int = 0
    refused: int = 0
    spent: list[tuple[int, str]] = field(default_factory=list)  # nano and currency


@dataclass(frozen=True, slots=True)
class Row:
    organization: Organization
    state: str
    today: Sums
    month: Sums

    @property
    def periods(self) -> tuple[tuple[str, Sums], ...]:
        return ("Today", self.today), ("This month", self.month)


@dataclass(frozen=True, slots=True)
class Found:
    rows: list[Row]
    more: bool


def found(*, term: str, state: str, page: int, now: datetime, figures: bool) -> Found:
    """Those who spend most today come first; by name for who may not see figures. Days and months are UTC's."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ids = _ids(term, state, page, today, figures)
    known = Organization.objects.in_bulk(ids[:SHOWN])
    sums = _sums(ids[:SHOWN], today) if figures else {}
    rows = [Row(known[one], state_of(known[one]), *sums.get(one, (Sums(), Sums()))) for one in ids[:SHOWN]]
    return Found(rows, len(ids) > SHOWN)


def _ids(term: str, state: str, page: int, today: datetime, figures: bool) -> list[UUID]:
    where = _WHERE.get(state, _WHERE[""])
    escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            _FOUND.format(where=where, by_spend="true" if figures else "false"),
            {
                "today": today,
                "term": term,
                "like": f"%{escaped}%",
                "most": SHOWN + 1,
                "after": page * SHOWN,
            },
        )
        return [row[0] for row in cursor.fetchall()]


def _sums(ids: Sequence[UUID], today: datetime) -> dict[UUID, tuple[Sums, Sums]]:
    buckets = UsageBucket.objects.filter(organization_id__in=ids, starts_at__gte=today.replace(day=1))
    measures: dict[str, Any] = {}
    for name in ("requests", "failed", "refused", "cost_nano"):
        measures[f"month_{name}"] = Sum(name)
        measures[f"today_{name}"] = Sum(name, filter=Q(starts_at__gte=today))
    made: dict[UUID, tuple[Sums, Sums]] = {}
    rows: Any = buckets.order_by().values("organization_id", "currency").annotate(**measures)
    for row in rows:
        both = made.setdefault(row["organization_id"], (Sums(), Sums()))
        for sums, prefix in zip(both, ("today", "month"), strict=True):
            sums.calls += row[f"{prefix}_requests"] or 0
            sums.failed += row[f"{prefix}_failed"] or 0
            sums.refused += row[f"{prefix}_refused"] or 0
            if row[f"{prefix}_cost_nano"]:
                sums.spent.append((row[f"{prefix}_cost_nano"], row["currency"]))
    return made
