"""What an organization agreed with its providers: listed, tried on the past, proposed, agreed on, withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from billing.approval import proposals
from billing.approval.models import PriceProposal
from billing.repricing import asking
from billing.repricing.reading import Selection
from billing.repricing.trial import Trial
from console.access import organization_page
from console.acts import attempt, where
from console.prices import terms
from orbit.lib.errors import InputError
from quotas import prices
from quotas.contracts import set_contract_price, withdraw_contract_price
from quotas.models import ContractPrice
from quotas.rates import Rates
from tenants.models import Membership, ModelTarget, ProviderAccount
from tenants.rights import Right, may

SHOWN = 100  # contracts, proposals, priced models
PAST = 20
CHOICES = 200  # accounts
# A service's name of a field that the form calls otherwise.
_FORM = {"discount_percent": "percent", "until": "last", "from": "first"}


@dataclass(frozen=True, slots=True)
class Tried:
    """What terms would have made of last month's calls."""

    selection: Selection
    trial: Trial


@dataclass(frozen=True, slots=True)
class Priced:
    """What a model costs at an account now; `rates` None: nobody knows."""

    account: str
    provider: str
    model: str
    rates: Rates | None

    @property
    def by_contract(self) -> bool:
        return self.rates is not None and self.rates.version.startswith("contract#")


@require_safe
@organization_page(Right.USAGE_READ)
def prices_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.PRICES_WRITE)
def try_price(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Shows what the terms would have made of last month's calls. Nothing is changed."""
    form, organization = terms.given(request), membership.organization
    try:
        wanted = terms.read(form, ZoneInfo(organization.time_zone))
        selection = asking.selected(organization, {}, account=wanted["account"])
        trial = asking.with_contract(selection, organization, wanted)
    except InputError as error:
        return _page(request, membership, error, form)
    return _page(request, membership, None, form, Tried(selection, trial))


@require_POST
@organization_page(Right.PRICES_WRITE)
def propose_price(request: HttpRequest, membership: Membership) -> HttpResponse:
    def do(wanted: dict[str, Any]) -> HttpResponse:
        made = proposals.propose_price(**where(membership), **wanted)
        messages.success(request, "It is proposed. It holds when somebody else has approved it.")
        return redirect("price_proposal", membership.organization.slug, made.pk)

    return _saved(request, membership, do)


@require_POST
@organization_page(Right.PRICES_WRITE)
def agree_price(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Alone, where the installation lets one do so."""

    def do(wanted: dict[str, Any]) -> HttpResponse:
        set_contract_price(**where(membership), **wanted)
        messages.success(
            request, f"{wanted['provider']}/{wanted['model']} is priced so from now on, or from its own day."
        )
        return redirect("prices", membership.organization.slug)

    return _saved(request, membership, do)


@require_POST
@organization_page(Right.PRICES_WRITE)
def withdraw_price(request: HttpRequest, membership: Membership, price_id: int) -> HttpResponse:
    def do() -> str:
        withdraw_contract_price(**where(membership), price_id=price_id)
        return "It is withdrawn. The next contract that covers the model holds, or the price book."

    attempt(request, do, ruled=True)
    return redirect("prices", membership.organization.slug)


def _saved(
    request: HttpRequest, membership: Membership, do: Callable[[dict[str, Any]], HttpResponse]
) -> HttpResponse:
    """The form again, with what is wrong, where it was not done."""
    form = terms.given(request)
    try:
        return do(terms.read(form, ZoneInfo(membership.organization.time_zone)))
    except InputError as error:
        return _page(request, membership, error, form)
    except PermissionDenied as error:
        messages.error(request, f"That did not work: {error}.")
    return _page(request, membership, None, form)


def _page(
    request: HttpRequest,
    membership: Membership,
    wrong: InputError | None = None,
    form: dict[str, str] | None = None,
    tried: Tried | None = None,
) -> HttpResponse:
    organization = membership.organization
    if wrong is not None:
        wrong = InputError(_FORM.get(wrong.path, wrong.path) or "kind", wrong.message, wrong.suggestion)
    may_write = may(membership, Right.PRICES_WRITE)
    live = list(ContractPrice.objects.live().order_by("provider", "model", "account", "valid_from")[:SHOWN])
    past = ContractPrice.objects.exclude(withdrawn_at=None).order_by("-withdrawn_at")[:PAST]
    open_ = PriceProposal.objects.filter(state=PriceProposal.State.OPEN).order_by("-pk")[:SHOWN]

    def worded(rows: Any) -> list[tuple[Any, str]]:
        return [(one, terms.said(one, organization.currency)) for one in rows]

    context = {
        "organization": organization,
        "live": worded(live),
        "proposals": worded(open_),
        "past": worded(past),
        "now": datetime.now(UTC),
        "priced": _priced(),
        "may_write": may_write,
        "takes_two": settings.ORBIT_PRICE_APPROVAL,
        "wrong": wrong,
        "typed": form or terms.EMPTY,
        "tried": tried,
        **(_choices(form or terms.EMPTY) if may_write else {}),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/prices/prices.html", context, status=400 if wrong else 200)


def _choices(form: dict[str, str]) -> dict[str, Any]:
    others = {"tokens": terms.OTHER_TOKENS, "units": terms.OTHER_UNITS}
    accounts = list(ProviderAccount.objects.order_by("name").values_list("name", "prices_as")[:CHOICES])
    return {
        "providers": sorted({priced_as for _, priced_as in accounts}),
        "accounts": [name for name, _ in accounts],
        "kinds": terms.KINDS.items(),
        "others": {
            of: [(name, label, form.get(name, "")) for name, label in named.items()]
            for of, named in others.items()
        },
        "others_used": any(form.get(name) for named in others.values() for name in named),
    }


def _priced() -> list[Priced]:
    """What calls cost now, of each model that is routed at an account."""
    rows = ModelTarget.objects.order_by("account__name", "model").values_list(
        "account__name", "account__prices_as", "model"
    )
    named = list(rows.distinct()[:SHOWN])
    targets = {name: prices.Target(name[1], name[2], name[0]) for name in named}
    found = prices.in_force(set(targets.values()), datetime.now(UTC))
    return [
        Priced(account, provider, model, _known(found.get(targets[account, provider, model])))
        for account, provider, model in named
    ]


def _known(rates: Rates | None) -> Rates | None:
    return rates if rates is not None and rates.priced else None
