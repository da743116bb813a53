"""The page on which one says how a provider account is reconciled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from billing.models import BillSource, Run
from billing.reconcile import sources
from billing.reconcile.connectors.registry import CSV, FACTS, connector_of
from billing.reconcile.sides import MEANINGS, Cause
from billing.reconcile.tolerance import BY_ITSELF, Tolerance, tolerance
from console.access import organization_page
from console.acts import gone, typed, where
from console.rendering import organization_answer
from orbit.lib import money
from orbit.lib.errors import InputError
from tenants.models import Membership, ProviderAccount
from tenants.rights import Right, may
from tenants.schema import values

RUNS = 10
CAUSES = [one for one in Cause if one not in BY_ITSELF]
PARTS = ("tokens", "money", "share")


@require_safe
@organization_page(Right.RECONCILE_READ)
def source_page(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    account = _account(account_id)
    if account is None:
        raise Http404
    return _page(request, membership, account)


@require_POST
@organization_page(Right.RECONCILE_APPROVE)
def save_source(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    account = _account(account_id)
    if account is None:
        return gone(request, membership, "provider account", "reconciliation")
    fields = [f"{part}.{cause}" for cause in CAUSES for part in PARTS]
    given: dict[str, Any] = typed(request, "own_keys", "scopes", "lag_hours", *fields)
    given["enabled"] = "enabled" in request.POST
    try:
        # another address for the reports is the operator's to name, and stays as it is
        sources.save_source(
            **where(membership), account=account.name, base_url=_source(account).base_url, **_wanted(given)
        )
    except InputError as error:
        return _page(request, membership, account, error, given)
    messages.success(request, f"{account.name} is reconciled so from its next run on.")
    return redirect("bill_source", membership.organization.slug, account_id)


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "enabled": given["enabled"],
        "own_keys": given["own_keys"].split(),
        "scopes": given["scopes"].split(),
        "lag_hours": _whole("lag_hours", given["lag_hours"]) if given["lag_hours"] else None,
        "tolerances": {
            str(cause): found for cause in CAUSES if (found := _tolerance(given, cause)) is not None
        },
    }


def _tolerance(given: dict[str, Any], cause: Cause) -> dict[str, Any] | None:
    """None where nothing is typed: the usual one."""
    tokens, nano, share = (given[f"{part}.{cause}"] for part in PARTS)
    if not (tokens or nano or share):
        return None
    return {
        "tokens": _whole(f"tokens.{cause}", tokens) if tokens else 0,
        "nano": _nano(f"money.{cause}", nano) if nano else 0,
        "share": _share(f"share.{cause}", share) if share else 0.0,
    }


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise InputError(name, f"{text!r} is no whole number", "such as 100")
    return int(text)


def _nano(name: str, text: str) -> int:
    try:
        return money.nano(values.cost(text, least=0))
    except InputError as error:
        raise InputError(name, error.message, error.suggestion) from None


def _share(name: str, text: str) -> float:
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise InputError(name, f"{text!r} is no share", "write per cent, such as 0.1")
    return percent / 100


def _account(account_id: UUID) -> ProviderAccount | None:
    rows = ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed")
    return rows.filter(pk=account_id).first()


def _source(account: ProviderAccount) -> BillSource:
    return BillSource.objects.filter(account=account).first() or BillSource(account=account)


def _page(
    request: HttpRequest,
    membership: Membership,
    account: ProviderAccount,
    wrong: InputError | None = None,
    given: dict[str, Any] | None = None,
) -> HttpResponse:
    organization, source = membership.organization, _source(account)
    connector, filled = connector_of(account.kind), given or _filled(source)
    context = {
        "account": account,
        "source": source,
        "connector": connector,
        "is_imported": connector == CSV,
        "lag_hours": int(FACTS[connector].lag.total_seconds() // 3600),
        "typed": filled,
        "causes": [_of_cause(connector, cause, filled) for cause in CAUSES],
        "runs": list(Run.objects.filter(account_id=account.pk).order_by("-id")[:RUNS]),
        "may_approve": may(membership, Right.RECONCILE_APPROVE),
        "may_write_account": may(membership, Right.ACCOUNTS_WRITE),
        "wrong": wrong,
    }
    return organization_answer(request, organization, "console/bills/source.html", context)


def _filled(source: BillSource) -> dict[str, Any]:
    """What is saved, as the form has it."""
    made: dict[str, Any] = {
        "enabled": source.enabled,
        "own_keys": "\n".join(source.own_keys),
        "scopes": "\n".join(source.scopes),
        "lag_hours": "" if source.lag_hours is None else str(source.lag_hours),
    }
    for cause, own in source.tolerances.items():
        made |= {
            f"{part}.{cause}": text
            for part, text in _texts(tolerance("csv", Cause(cause), {cause: own})).items()
        }
    return made


def _texts(one: Tolerance) -> dict[str, str]:
    return {"tokens": str(one.tokens), "money": money.amount(one.nano), "share": f"{one.share * 100:.10g}"}


def _of_cause(connector: str, cause: Cause, filled: dict[str, Any]) -> dict[str, Any]:
    usual = _texts(tolerance(connector, cause, {}))
    return {
        "name": str(cause),
        "meaning": MEANINGS[cause],
        "fields": [
            {
                "name": f"{part}.{cause}",
                "part": part,
                "value": filled.get(f"{part}.{cause}", ""),
                "usual": usual[part],
            }
            for part in PARTS
        ],
    }
