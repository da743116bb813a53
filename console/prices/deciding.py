"""The page of one proposed price, on which somebody else than who proposed it decides."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from billing.approval import proposals
from billing.approval.models import PriceProposal
from billing.repricing import asking
from console.access import organization_page
from console.acts import attempt, gone, typed, where
from console.prices import terms
from console.prices.pages import Tried
from orbit.lib.errors import InputError
from tenants.models import Membership
from tenants.rights import Right, may


@require_safe
@organization_page(Right.USAGE_READ)
def proposal_page(request: HttpRequest, membership: Membership, proposal_id: UUID) -> HttpResponse:
    """With `?try=1`, for who may decide: what it would have made of last month."""
    organization = membership.organization
    row = PriceProposal.objects.filter(pk=proposal_id).first()
    if row is None:
        raise Http404
    may_write, tried, wrong = may(membership, Right.PRICES_WRITE), None, None
    if may_write and request.GET.get("try"):
        try:
            selection = asking.selected(organization, {}, account=row.account)
            wanted = {name: getattr(row, name) for name in proposals.TERMS}
            tried = Tried(selection, asking.with_contract(selection, organization, wanted))
        except InputError as error:
            wrong = error
    context = {
        "organization": organization,
        "row": row,
        "said": terms.said(row, organization.currency),
        "may_write": may_write,
        "own": row.author == membership.person.email[:254],
        "tried": tried,
        "wrong": wrong,
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/prices/proposal.html", context)


@require_POST
@organization_page(Right.PRICES_WRITE)
def approve(request: HttpRequest, membership: Membership, proposal_id: UUID) -> HttpResponse:
    def do() -> str:
        reason = typed(request, "reason")["reason"]
        proposals.approve_price(**where(membership), proposal_id=proposal_id, reason=reason)
        return "Approved. It holds from the next call on, or from its own day."

    return _decided(request, membership, proposal_id, do)


@require_POST
@organization_page(Right.PRICES_WRITE)
def refuse(request: HttpRequest, membership: Membership, proposal_id: UUID) -> HttpResponse:
    def do() -> str:
        reason = typed(request, "reason")["reason"]
        proposals.refuse_price(**where(membership), proposal_id=proposal_id, reason=reason)
        return "Refused. Prices stay as they are."

    return _decided(request, membership, proposal_id, do)


def _decided(
    request: HttpRequest, membership: Membership, proposal_id: UUID, do: Callable[[], str]
) -> HttpResponse:
    if not PriceProposal.objects.filter(pk=proposal_id).exists():
        return gone(request, membership, "proposal", "prices")
    attempt(request, do, ruled=True)
    return redirect("price_proposal", membership.organization.slug, proposal_id)
