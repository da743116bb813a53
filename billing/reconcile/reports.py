"""Reports as they were pulled: kept row by row, replaced by later pulls, never added to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from billing.models import BilledRow, Run
from billing.reconcile import claims
from billing.reconcile.connectors.base import DAY, MINUTE, CallRow, CostRow, UsageRow, midnight
from billing.reconcile.counts import PARTS, Counts
from orbit.lib import access

Kind = BilledRow.Kind
AT_ONCE = 2_000
BIGGEST = 2**63


def replace_usage(
    run: Run, rows: Sequence[UsageRow], since: date, until: date, *, kind: str = Kind.USAGE
) -> None:
    """All that counted so far of these days gives way to `rows`, in one transaction. Lost when the run is somebody else's."""
    _replace(run, kind, since, until, [_usage(run, row, kind) for row in rows if row.told])


def replace_costs(run: Run, rows: Sequence[CostRow], since: date, until: date) -> None:
    _replace(run, Kind.COST, since, until, [_cost(run, row) for row in rows])


def _replace(run: Run, kind: str, since: date, until: date, made: Iterable[BilledRow]) -> None:
    with access.scope(organization_id=run.organization_id):
        claims.hold(run)
        standing = BilledRow.objects.filter(
            account_id=run.account_id, kind=kind, replaced_by=None, day__gte=since, day__lt=until
        )
        standing.filter(run_id=run.pk).delete()  # of a try of this run that was cut short
        standing.update(replaced_by=run.pk)
        BilledRow.objects.bulk_create(made, batch_size=AT_ONCE)


def usage(account_id: UUID, since: date, until: date, kind: str = Kind.USAGE) -> list[UsageRow]:
    """What counts now. Within the organization's scope."""
    width = MINUTE if kind == Kind.MINUTE else DAY
    return [
        UsageRow(
            start=row.starts_at,
            width=width,
            model=row.model,
            counts=Counts(*(getattr(row, name) for name in PARTS)),
            requests=row.requests,
            key=row.key,
            scope=row.scope,
            apart=row.apart,
        )
        for row in _standing(account_id, kind, since, until).defer("raw").iterator(AT_ONCE)
    ]


def costs(account_id: UUID, since: date, until: date) -> list[CostRow]:
    return [
        CostRow(
            row.day,
            row.model,
            row.label,
            row.part,
            row.amount or Decimal(0),
            row.currency,
            row.quantity,
            row.key,
            row.scope,
        )
        for row in _standing(account_id, Kind.COST, since, until).defer("raw").iterator(AT_ONCE)
    ]


def keep_calls(run: Run, rows: Sequence[CallRow]) -> None:
    """What the provider said of single calls, in place of what it said of them before. Lost when the run is somebody else's."""
    with access.scope(organization_id=run.organization_id):
        claims.hold(run)
        names = [row.name for row in rows]
        standing = BilledRow.objects.filter(
            account_id=run.account_id, kind=Kind.CALL, replaced_by=None, label__in=names
        )
        standing.delete()
        BilledRow.objects.bulk_create([_call(run, row) for row in rows])


def calls_told(account_id: UUID, since: date, until: date) -> dict[str, CallRow]:
    """What is known of single calls of these days, by the provider's names. Within the organization's scope."""
    return {
        row.label: CallRow(
            row.label,
            row.starts_at,
            found=bool(row.requests),
            model=row.model,
            counts=Counts(*(getattr(row, name) for name in PARTS)),
            amount=row.amount,
        )
        for row in _standing(account_id, Kind.CALL, since, until).defer("raw").iterator(AT_ONCE)
    }


def imported_days(account_id: UUID) -> tuple[date, date] | None:
    """First day that any row is of, and the one after the last."""
    ends = BilledRow.objects.filter(account_id=account_id, replaced_by=None).aggregate(
        first=Min("day"), last=Max("day")
    )
    return None if ends["first"] is None else (ends["first"], ends["last"] + DAY)


def _standing(account_id: UUID, kind: str, since: date, until: date) -> Any:
    return BilledRow.objects.filter(
        account_id=account_id, kind=kind, replaced_by=None, day__gte=since, day__lt=until
    ).order_by("starts_at", "id")


def _usage(run: Run, row: UsageRow, kind: str) -> BilledRow:
    return BilledRow(
        **_common(run, kind, row.start, row.model, row.scope, row.raw),
        key=row.key,
        apart=row.apart[:40],
        requests=row.requests,
        **{name: _fits(value) for name, value in zip(PARTS, row.counts.values, strict=True)},
    )


def _call(run: Run, row: CallRow) -> BilledRow:
    """`requests` is 0 for one that the provider does not know."""
    return BilledRow(
        **_common(run, Kind.CALL, row.at, row.model, "", row.raw),
        label=row.name[:200],
        requests=int(row.found),
        amount=row.amount,
        **{name: _fits(value) for name, value in zip(PARTS, row.counts.values, strict=True)},
    )


def _cost(run: Run, row: CostRow) -> BilledRow:
    return BilledRow(
        **_common(run, Kind.COST, midnight(row.day), row.model, row.scope, row.raw),
        key=row.key,
        label=row.label[:200],
        part=row.part,
        amount=row.amount,
        quantity=row.quantity,
        currency=row.currency[:3],
    )


def _common(run: Run, kind: str, start: datetime, model: str, scope: str, raw: Any) -> dict[str, Any]:
    return {
        "organization_id": run.organization_id,
        "run_id": run.pk,
        "account_id": run.account_id,
        "kind": kind,
        "day": start.date(),
        "starts_at": start,
        "model": model,
        "scope": scope,
        "raw": {} if kind == Kind.MINUTE else _plain(raw),
    }


def _plain(raw: Any) -> Any:
    """As JSON can hold it: exact numbers as text."""
    if isinstance(raw, dict):
        return {str(name): _plain(value) for name, value in raw.items() if value is not None}
    if isinstance(raw, list):
        return [_plain(one) for one in raw]
    return raw if isinstance(raw, str | int | bool) or raw is None else str(raw)


def _fits(value: int) -> int:
    return max(-BIGGEST + 1, min(value, BIGGEST - 1))
