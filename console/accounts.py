"""The pages of provider accounts: listed, connected, tested with a live question, changed, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.models import Event
from console.access import organization_page
from console.acts import attempt, gone, typed, where, words
from console.glances import NOTHING, Row, calls_a_day, glances
from console.kind_notes import NOTES
from console.offers import SHOWN as OFFERS
from console.offers import offered_by, prices_as, remember
from orbit.lib.errors import InputError
from proxy.offered import offered
from proxy.resting import Rests, resting
from tenants import kinds, services
from tenants.models import Membership, ModelTarget, ProviderAccount
from tenants.rights import Right, may

SHOWN = 50
TROUBLES = 5  # of the last day, on an account's page
_FIELDS = ("name", "kind", "base_url", "prices_as", "ref", "usage_ref")
# The form's name of what a service calls so.
_FORM = {
    "credential": "secret",
    "credential.value": "secret",
    "credential.ref": "ref",
    "usage_credential": "usage_secret",
    "usage_credential.value": "usage_secret",
    "usage_credential.ref": "usage_ref",
}


@dataclass(frozen=True, slots=True)
class Tested:
    """What the provider said when it was asked just now."""

    models: tuple[str, ...] = ()
    wrong: str = ""


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def accounts_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    asked = {name: request.GET.get(name, "").strip().replace("\x00", "") for name in ("q", "kind", "after")}
    found = list(_found(asked)[: SHOWN + 1])
    rows = found[:SHOWN]
    did = glances(organization, "account_id", [one.pk for one in rows])
    rests = resting({str(one.pk) for one in rows})
    shown = {
        "organization": organization,
        "rows": [(Row(one, did.get(one.pk, NOTHING)), _rest(rests, one)) for one in rows],
        "rests_known": rests is not None,
        "more": rows[-1].name if len(found) > SHOWN else "",
        "asked": asked,
        "kinds": kinds.choices(),
        "may_write": may(membership, Right.ACCOUNTS_WRITE),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/accounts.html", shown)


@sensitive_post_parameters("secret", "usage_secret")
@sensitive_variables("secret", "usage")
@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.ACCOUNTS_WRITE)
def new(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Asks the provider first, unless told not to: what it does not take is not saved."""
    given = typed(request, *_FIELDS)
    if request.method != "POST":
        return _form(request, membership, None, given | {"kind": request.GET.get("kind", "openai")})
    secret, models = request.POST.get("secret", "").strip(), None
    usage = request.POST.get("usage_secret", "").strip()
    try:
        if ProviderAccount.objects.filter(name=given["name"]).exists():
            raise InputError("name", f"{given['name']!r} is taken", "choose another")
        wanted = services.checked_account(**_wanted(given))
        if not given["ref"] and "untested" not in request.POST:
            models = offered(kind=given["kind"], base_url=wanted["base_url"], secret=secret)
        services.save_account(
            **where(membership),
            name=given["name"],
            credential=_credential(given["ref"], secret),
            usage_credential=_credential(given["usage_ref"], usage),
            **wanted,
        )
    except InputError as error:
        return _form(request, membership, None, given, wrong=error)
    if models is not None:
        remember(request, given["name"], models)
    said = f", and offers {len(models):,} models" if models is not None else ". It was not asked yet"
    attempt(request, lambda: f"{given['name']} is connected{said}.")
    made = ProviderAccount.objects.get(name=given["name"])
    return redirect("account", membership.organization.slug, made.pk)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def account_page(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    account = ProviderAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise Http404
    return _one(request, membership, account)


@sensitive_post_parameters("secret", "usage_secret")
@sensitive_variables("secret", "usage")
@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def save(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    account = ProviderAccount.objects.filter(pk=account_id).first()
    if account is None:
        return gone(request, membership, "provider account", "accounts")
    given = typed(request, *_FIELDS) | {"name": account.name}
    secret = request.POST.get("secret", "").strip()
    usage = request.POST.get("usage_secret", "").strip()
    try:
        wanted = services.checked_account(**_wanted(given))
        credential = _credential(given["ref"], secret)
        moved = any(wanted[name] != getattr(account, name) for name in ("kind", "base_url"))
        if moved and credential is None and account.has_credential and "drop" not in request.POST:
            raise InputError(
                "secret",
                "is needed again: it was given for another destination",
                "enter it, or tick that it may go",
            )
        services.save_account(
            **where(membership),
            name=account.name,
            credential=credential,
            usage_credential=_credential(given["usage_ref"], usage),
            without_usage="drop_usage" in request.POST,
            **wanted,
        )
    except InputError as error:
        return _form(request, membership, account, given, wrong=error)
    attempt(request, lambda: f"{account.name} was saved. Its next call goes by it.")
    return redirect("account", membership.organization.slug, account_id)


@require_safe
@organization_page(Right.ACCOUNTS_WRITE)
def edit(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    account = ProviderAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise Http404
    given = {name: getattr(account, name) for name in ("name", "kind", "base_url", "prices_as")}
    return _form(request, membership, account, given | {"ref": "", "usage_ref": ""})


@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def test(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    """Asks the provider for its models with the stored credential. It costs nothing."""
    account = ProviderAccount.objects.filter(pk=account_id).first()
    if account is None:
        return gone(request, membership, "provider account", "accounts")
    try:
        found = offered_by(account)
    except InputError as error:
        return _one(request, membership, account, Tested(wrong=f"{error.path}: {words(error)}"))
    remember(request, account.name, found)
    return _one(request, membership, account, Tested(models=found))


@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def delete(request: HttpRequest, membership: Membership, account_id: UUID) -> HttpResponse:
    account = ProviderAccount.objects.filter(pk=account_id).first()
    if account is None:
        return gone(request, membership, "provider account", "accounts")

    def do() -> str:
        services.delete_account(**where(membership), name=account.name)
        return f"{account.name} was deleted, and its credential with it."

    if attempt(request, do):
        return redirect("accounts", membership.organization.slug)
    return redirect("account", membership.organization.slug, account_id)


def _found(asked: dict[str, str]) -> QuerySet[ProviderAccount]:
    rows = ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed").order_by("name")
    rows = rows.annotate(models=Count("targets__alias", distinct=True))
    if asked["q"]:
        rows = rows.filter(Q(name__icontains=asked["q"]) | Q(base_url__icontains=asked["q"]))
    if asked["kind"]:
        rows = rows.filter(kind=asked["kind"])
    return rows.filter(name__gt=asked["after"]) if asked["after"] else rows


def _rest(rests: Rests | None, account: ProviderAccount) -> dict[str, datetime]:
    return (rests or {}).get(str(account.pk), {})


def _wanted(given: dict[str, str]) -> dict[str, Any]:
    """For what the form leaves out the kind's own counts."""
    return {
        "kind": given["kind"],
        "base_url": given["base_url"],
        "prices_as": given["prices_as"] or prices_as(given["kind"]),
    }


def _credential(ref: str, secret: str) -> services.NewCredential | None:
    return services.NewCredential(value=secret, ref=ref) if ref or secret else None


def _form(
    request: HttpRequest,
    membership: Membership,
    account: ProviderAccount | None,
    given: dict[str, str],
    wrong: InputError | None = None,
) -> HttpResponse:
    if wrong is not None:
        wrong = InputError(_FORM.get(wrong.path, wrong.path), wrong.message, wrong.suggestion)
    shown = {
        "organization": membership.organization,
        "account": account,
        "kinds": [(kind, NOTES.get(kind.name, "")) for kind in kinds.BY_NAME.values()],
        "typed": given,
        "wrong": wrong,
        "ours": membership.organization.slug,
    }
    return render(request, "console/account_form.html", shown, status=400 if wrong else 200)


def _one(
    request: HttpRequest, membership: Membership, account: ProviderAccount, tested: Tested | None = None
) -> HttpResponse:
    organization, now = membership.organization, datetime.now(UTC)
    did = glances(organization, "account_id", [account.pk], now).get(account.pk, NOTHING)
    targets = list(
        ModelTarget.objects.filter(account=account).select_related("alias").order_by("alias__alias")[:OFFERS]
    )
    rests = resting({str(account.pk)})
    may_read_calls = may(membership, Right.CALLS_READ)
    shown = {
        "organization": organization,
        "account": account,
        "kind": kinds.BY_NAME.get(account.kind),
        "note": NOTES.get(account.kind, ""),
        "did": did,
        "targets": targets,
        "routed": {one.model for one in targets},
        "rests": sorted(_rest(rests, account).items()),
        "rests_known": rests is not None,
        "troubles": _troubles(account, now) if may_read_calls else [],
        "may_read_calls": may_read_calls,
        "may_write": may(membership, Right.ACCOUNTS_WRITE),
        "may_route": may(membership, Right.MODELS_WRITE),
        "tested": tested,
        "offers": tested.models[:OFFERS] if tested else (),
        "deleting": f"Its credential is deleted with it, and cannot be had again; {calls_a_day(did)}.",
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/account.html", shown)


def _troubles(account: ProviderAccount, now: datetime) -> list[Event]:
    """The latest calls of the last day that the provider failed."""
    calls = Event.objects.filter(
        organization_id=account.organization_id,
        kind=Event.Kind.CALL,
        admitted_at__gt=now - timedelta(days=1),
        account_id=account.pk,
        status="provider_failed",
    )
    return list(calls.defer("detail").order_by("-admitted_at")[:TROUBLES])
