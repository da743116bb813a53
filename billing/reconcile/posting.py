"""Adjustments as events: put into the outbox in the transaction that approves them, so that neither is without the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from audit.models import Event, OutboxEntry
from billing.models import BillException
from billing.reconcile.proposals import Adjustment
from orbit.lib.clock import rfc3339
from tenants.models import ApiKey, Organization, Project

# What an adjustment has in common with the event that it corrects.
INHERITED = (
    "project_id",
    "project",
    "key_id",
    "key",
    "end_user",
    "surface",
    "endpoint",
    "model",
    "upstream_model",
    "request_id",
)
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
        OutboxEntry(
            organization_id=organization.pk,
            shard=organization.shard,
            event=_event(organization, row, one, event_id, _of(originals, one), names, approved_by, reason),
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


def _of(originals: dict[UUID, Event], one: Adjustment) -> Event | None:
    return originals.get(one.corrects) if one.corrects is not None else None


def _names(adjustments: list[Adjustment]) -> dict[UUID, str]:
    keys = {one.key_id for one in adjustments if one.key_id is not None}
    projects = {one.project_id for one in adjustments if one.project_id is not None}
    found = dict(ApiKey.objects.filter(pk__in=keys).values_list("pk", "name"))
    return found | dict(Project.objects.filter(pk__in=projects).values_list("pk", "slug"))


def _event(
    organization: Organization,
    row: BillException,
    one: Adjustment,
    event_id: UUID,
    original: Event | None,
    names: dict[UUID, str],
    approved_by: str,
    reason: str,
) -> dict[str, Any]:
    counts = one.counts
    made: dict[str, Any] = {
        "v": 1,
        "event_id": str(event_id),
        "kind": "adjustment",
        "organization_id": str(organization.pk),
        "organization": organization.slug,
        "corrects": str(one.corrects) if one.corrects else None,
        "admitted_at": rfc3339(one.at),
        "account_id": str(row.account_id),
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
        **_of_key(one, names),
        **_inherited(original),
        "retention": original.retention if original is not None else None,
        "detail": _detail(row, one, original, approved_by, reason),
    }
    return {name: value for name, value in made.items() if value is not None}


def _of_key(one: Adjustment, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "project_id": str(one.project_id) if one.project_id else None,
        "project": names.get(one.project_id) if one.project_id else None,
        "key_id": str(one.key_id) if one.key_id else None,
        "key": names.get(one.key_id) if one.key_id else None,
    }


def _inherited(original: Event | None) -> dict[str, Any]:
    if original is None:
        return {}
    found = {name: getattr(original, name) for name in INHERITED if getattr(original, name) is not None}
    return {name: str(value) if isinstance(value, UUID) else value for name, value in found.items()}


def _detail(
    row: BillException, one: Adjustment, original: Event | None, approved_by: str, reason: str
) -> dict[str, Any]:
    longer = one.counts.write_long
    tags = original.detail.get("tags") if original is not None else None
    return {
        "reason": reason or f"reconciled with the provider's bill: {row.cause}",
        "cause": row.cause,
        "exception": str(row.pk),
        "approved_by": approved_by,
        **({"calls": one.calls} if one.calls else {}),
        **({"cache_write_1h_tokens": longer} if longer else {}),
        **({"tags": tags} if tags else {}),
    }
