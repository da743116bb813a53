"""The page on which a provider's bill is brought in as a CSV file: chosen, its columns named, looked at, imported.

The file stays with the browser: it is sent with each step, and kept nowhere until it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from billing.reconcile import bill_file, sources
from billing.reconcile.connectors import header, mapped
from billing.reconcile.connectors.base import DAY
from billing.reconcile.connectors.registry import CSV, connector_of
from console.access import organization_page
from console.acts import typed, where
from orbit.lib.errors import InputError
from tenants.models import Membership, ProviderAccount
from tenants.rights import Right

SHOWN = 200  # models
CHOICES = 500  # accounts
COLUMNS = {
    "day": "Day",
    "model": "Model",
    "key": "Key",
    "input": "Input tokens",
    "cached": "Of them, read from a cache",
    "cache_write": "Of them, written to a cache",
    "output": "Output tokens",
    "requests": "Requests",
    "amount": "Cost",
}
UNITS = {"whole": "whole", "cents": "hundredths (cents)", "micro": "millionths"}


@dataclass
class Step:
    """What the form holds, and what came of it."""

    account: str = ""
    columns: tuple[str, ...] = ()
    mapping: dict[str, Any] = field(default_factory=dict)
    bill: bill_file.BillFile | None = None
    wrong: InputError | None = None


@require_safe
@organization_page(Right.RECONCILE_APPROVE)
def import_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _shown(request, membership, Step(account=request.GET.get("account", "").replace("\x00", "")))


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def read_bill(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What is in the file by the mapping as it stands, which is guessed from the file's first line at the beginning."""
    step = _step(request, membership)
    if step.wrong is None:
        try:
            step.bill = bill_file.read(_content(request), step.mapping)
            step.bill.require(membership.organization.currency)
        except InputError as error:
            step.bill, step.wrong = None, error
    return _shown(request, membership, step)


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def import_bill(request: HttpRequest, membership: Membership) -> HttpResponse:
    step = _step(request, membership)
    if step.wrong is None:
        try:
            run = sources.import_csv(
                **where(membership), account=step.account, content=_content(request), mapping=step.mapping
            )
        except InputError as error:
            step.wrong = error
        else:
            messages.success(
                request, f"The bill of {run.account} is in, and is being compared, from {run.since} on."
            )
            page = reverse("reconciliation", args=[membership.organization.slug])
            return HttpResponseClientRedirect(page) if _is_part(request) else redirect(page)
    return _shown(request, membership, step)


def _step(request: HttpRequest, membership: Membership) -> Step:
    """With the file's columns, and its mapping: as it was typed, or guessed where that does not fit the file."""
    step = Step(account=typed(request, "account")["account"])
    given: dict[str, Any] = typed(request, *COLUMNS, "amount_in", "time_zone", "delimiter", "currency")
    begun = "mapped" in request.POST
    try:
        found = header.read(_content(request), given["delimiter"] if begun else "")
    except InputError as error:
        step.wrong = error
        return step
    step.columns = found.columns
    guess = {} if begun and _fits(given, found.columns) else header.guessed(found.columns)
    step.mapping = {
        **{name: given[name] for name in COLUMNS if given[name] in found.columns and not guess},
        **guess,
        "delimiter": found.delimiter,
        "amount_in": guess.get("amount_in") or given["amount_in"] or "whole",
        "time_zone": given["time_zone"] or "UTC",
        "currency": given["currency"] or membership.organization.currency,
        "input_holds_cached": not begun or "input_holds_cached" in request.POST,
    }
    return step


def _fits(given: dict[str, Any], columns: tuple[str, ...]) -> bool:
    """Whether a mapping was made for this file, and not for one that was chosen before."""
    return all(given[name] in columns for name in COLUMNS if given[name])


def _content(request: HttpRequest) -> bytes:
    """What was sent, up to one byte more than is taken."""
    file = request.FILES.get("file")
    if file is None:
        raise InputError("file", "is missing", "choose the bill")
    content: bytes = file.read(mapped.MOST_BYTES + 1)
    file.seek(0)
    return content


def _is_part(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request"))


def _shown(request: HttpRequest, membership: Membership, step: Step) -> HttpResponse:
    """A part of the page for its script, which keeps the chosen file; else the whole."""
    organization, bill = membership.organization, step.bill
    context: dict[str, Any] = {
        "organization": organization,
        "step": step,
        "entries": [(name, label, step.mapping.get(name, "")) for name, label in COLUMNS.items()],
        "units": UNITS.items(),
        "delimiters": header.DELIMITERS.items(),
        "sums": bill.sums()[:SHOWN] if bill else (),
        "last": bill.until - DAY if bill else None,
    }
    if _is_part(request):
        return render(request, "console/bills/mapping.html", context)
    rows = ProviderAccount.objects.order_by("name").values_list("name", "kind")[:CHOICES]
    context["accounts"] = [name for name, kind in rows if connector_of(kind) == CSV]
    return render(request, "console/bills/import.html", context, status=400 if step.wrong else 200)
