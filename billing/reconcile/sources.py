"""How an account is reconciled: its own keys at the provider, projects, tolerances, and imported reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from billing.models import BillSource, Run
from billing.reconcile import bill_file, reports, standing, tolerance
from billing.reconcile.connectors.registry import CSV, FACTS, connector_of
from billing.reconcile.runs import free, send_run_after_commit
from orbit.lib.errors import InputError
from tenants.models import ProviderAccount
from tenants.rights import Right
from tenants.schema import values
from tenants.services.saved import Actor, changing, differences, valid

MOST_IDS, MOST_LAG_HOURS = 500, 24 * 31


def save_source(
    *,
    organization_id: UUID,
    actor: Actor,
    account: str,
    enabled: bool = True,
    own_keys: Sequence[str] = (),
    scopes: Sequence[str] = (),
    tolerances: Mapping[str, Any] | None = None,
    lag_hours: int | None = None,
    base_url: str = "",
) -> BillSource:
    """Another address for the reports is the operator's to name: what is learned from there counts for everybody."""
    wanted: dict[str, Any] = {
        "enabled": enabled,
        "own_keys": _ids("own_keys", own_keys),
        "scopes": _ids("scopes", scopes),
        "tolerances": tolerance.checked(tolerances or {}),
        "lag_hours": _lag(lag_hours),
        "base_url": valid(
            "base_url", lambda text: values.base_url(text, settings.ORBIT_PRIVATE_TARGETS), base_url
        )
        if base_url
        else "",
    }
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _account(account)
        if own_keys and not FACTS[connector_of(row.kind)].tells_keys:
            raise InputError(
                "own_keys",
                "would leave nothing as ours, since this provider's reports name no keys",
                "leave it empty, or narrow by scopes",
            )
        there = BillSource.objects.filter(account=row).first()
        source = there or BillSource(account=row, organization_id=organization_id)
        new = differences(source, wanted)
        if "base_url" in new and not change.by_operator:
            raise PermissionDenied("the address of the reports is the operator's to name")
        if new or there is None:
            before = {name: getattr(source, name) for name in new}
            for name, value in new.items():
                setattr(source, name, value)
            source.changed_at = timezone.now()
            source.save()
            change.act("reconciliation.settings", row.name, before, new)
        return source


def import_csv(
    *, organization_id: UUID, actor: Actor, account: str, content: bytes, mapping: Mapping[str, Any]
) -> Run:
    """Takes the place of what was imported of the file's days, and has them compared. Nothing is kept of a file with an error."""
    bill = bill_file.read(content, mapping)
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _account(account)
        if connector_of(row.kind) != CSV:
            raise InputError("account", "has reports that we read by ourselves", "start a run instead")
        bill.require(change.organization.currency)
        standing.must_be_kept("file", bill.since, bill.until)
        free(row)
        run = Run.objects.create(
            organization_id=organization_id,
            account_id=row.pk,
            account=row.name,
            connector=CSV,
            since=bill.since,
            until=bill.until,
            asked_by=change.actor[:300],
            asker_id=change.person_id,
        )
        run.refresh_from_db()
        reports.replace_usage(run, [one for one, _ in bill.rows], bill.since, bill.until)
        costs = [cost for _, cost in bill.rows if cost is not None]
        reports.replace_costs(run, costs, bill.since, bill.until)
        change.act(
            "reconciliation.import",
            row.name,
            None,
            {"since": str(bill.since), "until": str(bill.until), "lines": len(bill.rows)},
        )
        send_run_after_commit(run)
    return run


def _account(name: str) -> ProviderAccount:
    row = (
        ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed")
        .filter(name=name)
        .first()
    )
    if row is None:
        raise InputError("account", f"there is no provider account {name!r}")
    return row


def _ids(field: str, given: Sequence[str]) -> list[str]:
    made = sorted({one.strip() for one in given if one.strip()})
    if len(made) > MOST_IDS or any(len(one) > 200 or not one.isprintable() for one in made):
        raise InputError(field, f"must be at most {MOST_IDS} ids of at most 200 characters")
    return made


def _lag(hours: int | None) -> int | None:
    if hours is not None and not 0 <= hours <= MOST_LAG_HOURS:
        raise InputError("lag_hours", f"must be from 0 to {MOST_LAG_HOURS}")
    return hours
