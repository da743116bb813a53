"""The page on which calls of the past are priced again: first seen, then posted as adjustments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from billing.reports import spans
from billing.repricing import asking
from billing.repricing.posting import as_they_stand, preview, reprice
from billing.repricing.reading import Selection
from console.access import organization_page
from console.acts import attempt, typed, where
from console.prices.pages import CHOICES, Tried
from orbit.lib.clock import parse, rfc3339
from orbit.lib.errors import InputError
from tenants.models import Membership, ModelTarget, ProviderAccount
from tenants.rights import Right

WORDS = ("range", "from", "to", "account", "model")
PREVIEWED = ("since", "before")  # the moments that a preview was of


@require_safe
@organization_page(Right.PRICES_WRITE)
def repricing_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    """With a span in its address: what the prices that stand now would have made of its calls. Nothing is changed by that."""
    organization, tried, wrong = membership.organization, None, None
    words = {name: request.GET.get(name, "").replace("\x00", "").strip() for name in WORDS}
    if any(words.values()):
        try:
            selection = asking.selected(organization, words, account=words["account"], model=words["model"])
            tried = Tried(selection, preview(selection, as_they_stand(selection.since)))
        except InputError as error:
            wrong = error
    targets = ModelTarget.objects.order_by("model").values_list("model", flat=True).distinct()
    context: dict[str, Any] = {
        "organization": organization,
        "tried": tried,
        "wrong": wrong,
        "words": words | {"range": words["range"] or asking.USUAL},
        "previewed": zip(PREVIEWED, map(rfc3339, (tried.selection.since, tried.selection.until)), strict=True)
        if tried
        else (),
        "ranges": spans.CHOICES.items(),
        "accounts": list(ProviderAccount.objects.order_by("name").values_list("name", flat=True)[:CHOICES]),
        "models": list(targets[:CHOICES]),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/prices/repricing.html", context, status=400 if wrong else 200)


@require_POST
@organization_page(Right.PRICES_WRITE)
def post_repricing(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What was previewed, and nothing that has come since: another month may have begun meanwhile."""
    words = typed(request, *WORDS)

    def do() -> str:
        reason = typed(request, "reason")["reason"]
        selection = _previewed(membership, words, **typed(request, *PREVIEWED))
        done = reprice(**where(membership), selection=selection, reason=reason)
        if not done.posted:
            return "Nothing was posted: all of it is charged as it should be."
        return (
            f"{done.posted:,} adjustments are on their way to the ledger, and figures follow within seconds."
        )

    done = attempt(request, do, ruled=True)
    page = reverse("repricing", args=[membership.organization.slug])
    return redirect(
        page if done else f"{page}?{urlencode({name: one for name, one in words.items() if one})}"
    )


def _previewed(membership: Membership, words: dict[str, str], *, since: str, before: str) -> Selection:
    try:
        until = parse(before)
    except ValueError:
        raise InputError("range", "was not previewed", "look at the preview first") from None
    exact = {"from": since, "to": before}
    found = asking.selected(membership.organization, exact, account=words["account"], model=words["model"])
    return replace(found, until=min(found.until, until))
