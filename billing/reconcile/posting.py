"""Adjustments as events: put into the outbox in the transaction that approves them, so that neither is without the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from audit.models import Event, OutboxEntry
from billing import adjusting
from billing.models import BillException
from billing.reconcile.proposals import Adjustment
from tenants.models import ApiKey, Organization, Project

SKEW = timedelta(days=1)


def event_ids(row: BillException) -> list[UUID]:
    """Always the same, so that the ledger takes none twice."""
    return [uuid5(row.pk, str(number)) for number in range(len(row.adjustments))]


def post(organization: Organization, row: BillException, *, approved_by: str, reason: str) -> int:
    """Returns how many events wait for the ledger's writer. Within the organization's scope and transaction."""
    adjustments = [Adjustment.read(one) for one in row.adjustments]
    originals = _originals(adjustments)
    names = _names(adjustments)
    entries = [
        adjusting.entry(
            organization,
            event_id=event_id,
            at=one.at,
            corrects=one.corrects,
            facts=_facts(row, one, names),
            detail=_detail(row, one, approved_by, reason),
            original=_of(originals, one),
        )
        for one, event_id in zip(adjustments, event_ids(row), strict=True)
    ]
    OutboxEntry.objects.bulk_create(entries)
    return len(entries)


def _originals(adjustments: list[Adjustment]) -> dict[UUID, Event]:
    wanted = [one.corrects for one in adjustments if one.corrects is not None]
    if not wanted:
        return {}
    times = [one.at for one in adjustments]
    found = Event.objects.filter(
        event_id__in=wanted, admitted_at__gte=min(times) - SKEW, admitted_at__lte=max(times) + SKEW
    )
    return {event.event_id: event for event in found}


def _of(originals: dict[UUID, Event], one: Adjustment) -> dict[str, Any] | None:
    event = originals.get(one.corrects) if one.corrects is not None else None
    return (
        None if event is None else {name: getattr(event, name) for name in (*adjusting.INHERITED, "detail")}
    )


def _names(adjustments: list[Adjustment]) -> dict[UUID, str]:
    keys = {one.key_id for one in adjustments if one.key_id is not None}
    projects = {one.project_id for one in adjustments if one.project_id is not None}
    found = dict(ApiKey.objects.filter(pk__in=keys).values_list("pk", "name"))
    return found | dict(Project.objects.filter(pk__in=projects).values_list("pk", "slug"))


def _facts(row: BillException, one: Adjustment, names: dict[UUID, str]) -> dict[str, Any]:
    counts = one.counts
    return {
        "account_id": row.account_id,
        "account": row.account,
        "model": one.alias or row.model,
        "upstream_model": row.model,
        "usage_source": "provider",
        "input_tokens": counts.input,
        "cached_input_tokens": counts.cached,
        "cache_write_tokens": counts.write_short + counts.write_long,
        "output_tokens": counts.output,
        "cost_nano": one.cost_nano,
        "currency": row.currency,
        "project_id": one.project_id,
        "project": names.get(one.project_id) if one.project_id else None,
        "key_id": one.key_id,
        "key": names.get(one.key_id) if one.key_id else None,
    }


def _detail(row: BillException, one: Adjustment, approved_by: str, reason: str) -> dict[str, Any]:
    longer = one.counts.write_long
    return {
        "reason": reason or f"reconciled with the provider's bill: {row.cause}",
        "cause": row.cause,
        "exception": str(row.pk),
        "approved_by": approved_by,
        **({"calls": one.calls} if one.calls else {}),
        **({"cache_write_1h_tokens": longer} if longer else {}),
    }
