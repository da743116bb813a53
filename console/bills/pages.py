"""Coverage, drift, open exceptions and runs on one page; one exception in full on another, with what may be done about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.models import Event
from billing.models import BillException, Run
from billing.reconcile import coverage, runs, settling
from billing.reconcile.connectors.registry import CONNECTORS
from billing.reconcile.counts import PARTS
from billing.reconcile.sides import MEANINGS, Cause
from console.access import organization_page
from console.acts import attempt, gone, typed, where
from tenants.models import Membership, Project, ProviderAccount
from tenants.rights import Right, may

DAYS = 30
SHOWN = 50  # exceptions and, of one, events and adjustments
RUNS = 10
AROUND = timedelta(days=2)  # of an exception's day, in which its events were admitted
WORDS = {
    "fresh": "input",
    "cached": "cached input",
    "write_short": "written to the cache",
    "write_long": "written to the cache for longer",
    "output": "output",
}
State = BillException.State


@require_safe
@organization_page(Right.RECONCILE_READ)
def reconciliation_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    until = datetime.now(UTC).date()
    found = coverage.coverage(until - timedelta(days=DAYS), until)
    standing = BillException.objects.filter(state__in=(State.OPEN, State.PROPOSED)).order_by("-day", "-id")
    told = {
        "organization": organization,
        "days": DAYS,
        "found": found,
        "drift": _drift(found.days),
        "causes": [one | {"meaning": MEANINGS[Cause(one["cause"])]} for one in found.causes],
        "exceptions": list(standing[:SHOWN]),
        "waiting": standing.count(),
        "runs": list(Run.objects.order_by("-id")[:RUNS]),
        "accounts": _accounts(),
        "may_approve": may(membership, Right.RECONCILE_APPROVE),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/bills/overview.html", told)


def _drift(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With how far each day's bar goes, of a hundred."""
    most = max((abs(day["drift_nano"]) for day in days), default=0)
    return [
        day | {"width": round(100 * abs(day["drift_nano"]) / most, 1) if most else 0}
        for day in reversed(days)
    ]


def _accounts() -> list[ProviderAccount]:
    """Those whose provider can be asked."""
    rows = ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed").filter(
        kind__in=list(CONNECTORS)
    )
    return [row for row in rows.order_by("name")[:200] if row.has_usage_credential]


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def reconcile_now(request: HttpRequest, membership: Membership) -> HttpResponse:
    def do() -> str:
        account = typed(request, "account")["account"]
        run = runs.request_run(**where(membership), account=account)
        return f"{run.account} is being reconciled, from {run.since} on."

    attempt(request, do)
    return redirect("reconciliation", membership.organization.slug)


@require_safe
@organization_page(Right.RECONCILE_READ)
def exception_page(request: HttpRequest, membership: Membership, exception_id: UUID) -> HttpResponse:
    organization = membership.organization
    row = BillException.objects.filter(pk=exception_id).first()
    if row is None:
        raise Http404
    told = {
        "organization": organization,
        "row": row,
        "meaning": MEANINGS[Cause(row.cause)],
        "tokens": [(WORDS[name], row.tokens[name]) for name in PARTS if name in row.tokens],
        "evidence": _evidence(row) if may(membership, Right.CALLS_READ) else [],
        "adjustments": _adjustments(row),
        "more": max(0, len(row.adjustments) - SHOWN),
        "may_approve": may(membership, Right.RECONCILE_APPROVE),
        "own": row.proposed_by == membership.person.email,
        "may_read_calls": may(membership, Right.CALLS_READ),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/bills/exception.html", told)


def _evidence(row: BillException) -> list[Event]:
    start = datetime.combine(row.day, datetime.min.time(), UTC)
    events = Event.objects.filter(
        event_id__in=row.evidence[:SHOWN], admitted_at__gte=start - AROUND, admitted_at__lt=start + AROUND
    )
    return list(events.defer("detail").order_by("admitted_at"))


def _adjustments(row: BillException) -> list[dict[str, Any]]:
    names = dict(Project.objects.values_list("pk", "slug"))
    return [
        one
        | {
            "project": names.get(UUID(one["project_id"])) if "project_id" in one else None,
            "count": sum(one["tokens"].values()),
            "moment": datetime.fromisoformat(one["at"]),
        }
        for one in row.adjustments[:SHOWN]
    ]


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def approve(request: HttpRequest, membership: Membership, exception_id: UUID) -> HttpResponse:
    return _settled(
        request,
        membership,
        exception_id,
        lambda given: settling.approve(**(given | typed(request, "reason", "changed_at"))),
        "Approved. The adjustments are on their way to the ledger, and figures follow within seconds.",
    )


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def reject(request: HttpRequest, membership: Membership, exception_id: UUID) -> HttpResponse:
    return _settled(
        request,
        membership,
        exception_id,
        lambda given: settling.reject(**given, reason=typed(request, "reason")["reason"]),
        "Rejected. The ledger stays as it is.",
    )


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def close(request: HttpRequest, membership: Membership, exception_id: UUID) -> HttpResponse:
    return _settled(
        request,
        membership,
        exception_id,
        lambda given: settling.close(**given, reason=typed(request, "reason")["reason"]),
        "Closed.",
    )


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def assign(request: HttpRequest, membership: Membership, exception_id: UUID) -> HttpResponse:
    return _settled(
        request,
        membership,
        exception_id,
        lambda given: settling.assign(**given, owner=typed(request, "owner")["owner"]),
        "Noted whose it is.",
    )


def _settled(
    request: HttpRequest,
    membership: Membership,
    exception_id: UUID,
    do: Callable[[dict[str, Any]], BillException | None],
    said: str,
) -> HttpResponse:
    def done() -> str:
        do(where(membership) | {"exception_id": exception_id})
        return said

    if not BillException.objects.filter(pk=exception_id).exists():
        return gone(request, membership, "exception", "reconciliation")
    try:
        attempt(request, done)
    except PermissionDenied as error:
        messages.error(request, f"That did not work: {error}.")
    return redirect("bill_exception", membership.organization.slug, exception_id)
