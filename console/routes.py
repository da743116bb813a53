"""The pages of models: what applications may name, where their calls go, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console import route_form
from console.access import organization_page
from console.acts import attempt, gone, where
from console.glances import NOTHING, Row, calls_a_day, glances
from console.offers import remembered
from console.route_form import Typed
from orbit.lib.errors import InputError
from quotas import prices
from tenants import routing, services
from tenants.models import Membership, ModelAlias, ModelTarget, ProviderAccount
from tenants.rights import Right, may

SHOWN = 50
CHOICES = 200  # accounts and aliases that a form suggests


@dataclass(frozen=True, slots=True)
class Priced:
    """A target with its price per million tokens; None when nobody knows one."""

    target: ModelTarget
    rates: prices.Rates | None


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def models_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    asked = {
        name: request.GET.get(name, "").strip().replace("\x00", "") for name in ("q", "account", "after")
    }
    found = list(_found(asked)[: SHOWN + 1])
    rows = found[:SHOWN]
    did = glances(organization, "model", [one.alias for one in rows])
    priced = _priced(rows)
    shown = {
        "organization": organization,
        "rows": [(Row(one, did.get(one.alias, NOTHING)), priced[one.pk]) for one in rows],
        "more": rows[-1].alias if len(found) > SHOWN else "",
        "asked": asked,
        "accounts": _accounts(),
        "may_write": may(membership, Right.MODELS_WRITE),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/models.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.MODELS_WRITE)
def new(request: HttpRequest, membership: Membership) -> HttpResponse:
    if request.method != "POST":
        begun = [request.GET.get(name, "").strip() for name in ("account", "model")]
        return _form(request, membership, None, route_form.empty(*begun))
    typed = route_form.read(request.POST)
    try:
        if ModelAlias.objects.filter(alias=typed.fields["alias"]).exists():
            raise InputError("alias", f"{typed.fields['alias']!r} is taken", "change that model instead")
        made = services.save_model(**where(membership), **typed.route()).row
    except InputError as error:
        return _form(request, membership, None, typed, wrong=error)
    attempt(request, lambda: f"Keys that may use {made.alias} can call it now.")
    return redirect("model", membership.organization.slug, made.pk)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def model_page(request: HttpRequest, membership: Membership, alias_id: UUID) -> HttpResponse:
    organization, row = membership.organization, _models().filter(pk=alias_id).first()
    if row is None:
        raise Http404
    did = glances(organization, "model", [row.alias]).get(row.alias, NOTHING)
    fallback_of = list(row.fallback_of.order_by("alias__alias").values_list("alias__alias", flat=True)[:20])
    shown = {
        "organization": organization,
        "row": row,
        "did": did,
        "priced": _priced([row])[row.pk],
        "weights": sum(one.weight for one in row.targets.all()),
        "fallbacks": sorted(row.fallbacks.all(), key=lambda one: one.position),
        "fallback_of": fallback_of,
        "may_write": may(membership, Right.MODELS_WRITE),
        "deleting": f"Calls that name it are refused from the next one on; {calls_a_day(did)}. Its calls stay in the ledger.",
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/model.html", shown)


@require_safe
@organization_page(Right.MODELS_WRITE)
def edit(request: HttpRequest, membership: Membership, alias_id: UUID) -> HttpResponse:
    row = _models().filter(pk=alias_id).first()
    if row is None:
        raise Http404
    return _form(request, membership, row, route_form.stored(row))


@require_POST
@organization_page(Right.MODELS_WRITE)
def save(request: HttpRequest, membership: Membership, alias_id: UUID) -> HttpResponse:
    row = _models().filter(pk=alias_id).first()
    if row is None:
        return gone(request, membership, "model", "models")
    typed = route_form.read(request.POST)
    typed.fields["alias"] = row.alias
    try:
        services.save_model(**where(membership), **typed.route())
    except InputError as error:
        return _form(request, membership, row, typed, wrong=error)
    attempt(request, lambda: f"The route of {row.alias} was saved. Its next call goes by it.")
    return redirect("model", membership.organization.slug, alias_id)


@require_POST
@organization_page(Right.MODELS_WRITE)
def delete(request: HttpRequest, membership: Membership, alias_id: UUID) -> HttpResponse:
    row = ModelAlias.objects.filter(pk=alias_id).first()
    if row is None:
        return gone(request, membership, "model", "models")

    def do() -> str:
        services.delete_model(**where(membership), alias=row.alias)
        return f"{row.alias} was deleted."

    if attempt(request, do):
        return redirect("models", membership.organization.slug)
    return redirect("model", membership.organization.slug, alias_id)


def _models() -> QuerySet[ModelAlias]:
    return ModelAlias.objects.prefetch_related("targets__account", "fallbacks__fallback")


def _found(asked: dict[str, str]) -> QuerySet[ModelAlias]:
    rows = _models().order_by("alias")
    if asked["q"]:
        targets = ModelTarget.objects.filter(alias=OuterRef("pk"), model__icontains=asked["q"])
        rows = rows.filter(Q(alias__icontains=asked["q"]) | Exists(targets))
    if asked["account"]:
        there = ModelTarget.objects.filter(alias=OuterRef("pk"), account__name=asked["account"])
        rows = rows.filter(Exists(there))
    return rows.filter(alias__gt=asked["after"]) if asked["after"] else rows


def _priced(rows: Sequence[ModelAlias]) -> dict[UUID, list[Priced]]:
    """The targets of each in order, with the prices of now."""
    wanted = {
        target.pk: prices.Target(target.account.prices_as, target.model, target.account.name)
        for row in rows
        for target in row.targets.all()
    }
    known = prices.in_force(set(wanted.values()), datetime.now(UTC))
    return {
        row.pk: [
            Priced(target, rates if rates is not None and rates.priced else None)
            for target in sorted(row.targets.all(), key=lambda one: one.position)
            for rates in (known.get(wanted[target.pk]),)
        ]
        for row in rows
    }


def _form(
    request: HttpRequest,
    membership: Membership,
    row: ModelAlias | None,
    typed: Typed,
    wrong: InputError | None = None,
) -> HttpResponse:
    accounts = _accounts()
    newest = ProviderAccount.objects.filter(name__in=request.session.get("offered", {})).first()
    shown = {
        "organization": membership.organization,
        "row": row,
        "typed": typed,
        "accounts": accounts,
        "aliases": list(ModelAlias.objects.order_by("alias").values_list("alias", flat=True)[:CHOICES]),
        "offers": remembered(request, newest),
        "affinities": _AFFINITIES,
        "timeouts": [
            (name, label, typed.fields[name], routing.MOST_S[name]) for name, label in _TIMEOUTS.items()
        ],
        "most": routing,
        "wrong": route_form.told(wrong) if wrong else None,
    }
    return render(request, "console/model_form.html", shown, status=400 if wrong else 200)


_AFFINITIES = (
    ("none", "none: by weight alone"),
    ("key", "the calls of a key"),
    ("end_user", "the calls of an end user"),
    ("conversation", "a conversation"),
)
_TIMEOUTS = {
    "connect_s": "To connect",
    "first_byte_s": "To begin the answer",
    "gap_s": "Silence within it",
    "total_s": "The whole answer",
}


def _accounts() -> list[str]:
    return list(ProviderAccount.objects.order_by("name").values_list("name", flat=True)[:CHOICES])
