"""What is done about an exception: approved, rejected, closed, given to somebody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from billing.models import BillException
from billing.reconcile import settling
from console.access import organization_page
from console.acts import attempt, gone, typed, where
from tenants.models import Membership
from tenants.rights import Right


def _page(do: Callable[..., Any], words: Sequence[str], said: str) -> Callable[..., HttpResponse]:
    """The page of an act that takes these words besides."""

    @require_POST
    @organization_page(Right.RECONCILE_APPROVE)
    def page(request: HttpRequest, membership: Membership, exception_id: UUID) -> HttpResponse:
        def done() -> str:
            do(**where(membership), exception_id=exception_id, **typed(request, *words))
            return said

        if not BillException.objects.filter(pk=exception_id).exists():
            return gone(request, membership, "exception", "reconciliation")
        attempt(request, done, ruled=True)
        return redirect("bill_exception", membership.organization.slug, exception_id)

    return page


PAGES = {
    "approve": _page(
        settling.approve,
        ("reason", "changed_at"),
        "Approved. The adjustments are on their way to the ledger, and figures follow within seconds.",
    ),
    "reject": _page(settling.reject, ("reason",), "Rejected. The ledger stays as it is."),
    "close": _page(settling.close, ("reason",), "Closed."),
    "assign": _page(settling.assign, ("owner",), "Noted whose it is."),
}
