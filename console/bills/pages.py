"""Coverage, drift, open exceptions and runs on one page; one exception in full on another, with what may be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.models import Event
from billing.models import BillException, BillSource, Run
from billing.reconcile import coverage, runs, settling
from billing.reconcile.connectors.registry import CSV, connector_of
from billing.reconcile.counts import PARTS
from billing.reconcile.sides import MEANINGS, Cause
from console.access import organization_page
from console.acts import attempt, typed, where
from tenants.models import Membership, Project, ProviderAccount
from tenants.rights import Right, may

DAYS = 30
SHOWN = 50  # exceptions and, of one, events and adjustments
RUNS = 10
MOST_ACCOUNTS = 200
AROUND = timedelta(days=2)  # of an exception's day, in which its events were admitted
WORDS = {
    "fresh": "input",
    "cached": "cached input",
    "write_short": "written to the cache",
    "write_long": "written to the cache for longer",
    "output": "output",
}
State = BillException.State


@dataclass(frozen=True, slots=True)
class Account:
    row: ProviderAccount
    connector: str
    source: BillSource | None

    @property
    def is_asked(self) -> bool:
        """Whether its provider can be: what it bills is imported otherwise."""
        return self.connector != CSV and bool(self.row.has_usage_credential)

    @property
    def how(self) -> str:
        if self.connector == CSV:
            return "what is imported"
        if not self.row.has_usage_credential:
            return "no usage credential"
        return "every night" if self.source is None or self.source.enabled else "on demand"


@require_safe
@organization_page(Right.RECONCILE_READ)
def reconciliation_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    until = datetime.now(UTC).date()
    found = coverage.coverage(until - timedelta(days=DAYS), until)
    standing = BillException.objects.filter(state__in=(State.OPEN, State.PROPOSED)).order_by("-day", "-id")
    accounts = _accounts()
    told = {
        "organization": organization,
        "days": DAYS,
        "found": found,
        "drift": _drift(found.days),
        "causes": [one | {"meaning": MEANINGS[Cause(one["cause"])]} for one in found.causes],
        "exceptions": list(standing[:SHOWN]),
        "waiting": standing.count(),
        "runs": list(Run.objects.order_by("-id")[:RUNS]),
        "accounts": accounts,
        "asked": [one for one in accounts if one.is_asked],
        "imports": any(one.connector == CSV for one in accounts),
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


def _accounts() -> list[Account]:
    """Each with how it is reconciled."""
    rows = ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed").order_by("name")[
        :MOST_ACCOUNTS
    ]
    known = {one.account_id: one for one in BillSource.objects.filter(account__in=[row.pk for row in rows])}
    return [Account(row, connector_of(row.kind), known.get(row.pk)) for row in rows]


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
        "own": membership.person_id in {person_id for _, person_id in settling.importers(row)},
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
