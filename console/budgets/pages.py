"""The page of budgets, and those of the alerts that watch them."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from redis.exceptions import RedisError

from billing import recipients
from billing.alerts import rules, words
from billing.alerts.models import Alert, Notice
from billing.budgets import Budget, budgets
from console.access import organization_page
from console.acts import attempt, gone, typed, where
from console.rendering import organization_answer
from orbit.lib.errors import InputError
from tenants.models import Membership, Organization
from tenants.rights import Right, may
from tenants.services.saved import Saved

logger = logging.getLogger(__name__)

SHOWN = 100  # budgets: a policy on thousands of keys has thousands
NOTICES = 20
MOST_MEMBERS = 200
SCALE = 1000  # of a bar's drawing
USUAL = {"percents": "50, 80, 100", "on_forecast": True, "recipients": [], "hook_form": "orbit"}


@require_safe
@organization_page(Right.USAGE_READ)
def budgets_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.REPORTS_WRITE)
def save_alert(request: HttpRequest, membership: Membership) -> HttpResponse:
    given = _given(request)
    made: list[Saved[Alert]] = []
    try:
        made.append(rules.save_alert(**where(membership), **_read(given)))
    except InputError as error:
        return _page(request, membership, error, given)
    messages.success(request, f"{given['name']} watches from now on.")
    if made[0].secret:
        return _secret(request, membership, made[0])
    return redirect("budgets", membership.organization.slug)


@require_safe
@organization_page(Right.REPORTS_WRITE)
def alert_page(request: HttpRequest, membership: Membership, alert_id: UUID) -> HttpResponse:
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    return _one(request, membership, alert)


@require_POST
@organization_page(Right.REPORTS_WRITE)
def change_alert(request: HttpRequest, membership: Membership, alert_id: UUID) -> HttpResponse:
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        return gone(request, membership, "alert", "budgets")
    given = _given(request)
    try:
        wanted = _read(given)
        if not wanted["hook_url"] and "no_hook" not in request.POST:
            wanted["hook_url"] = None  # as it is
        saved = rules.save_alert(**where(membership), **wanted, alert_id=alert_id)
    except InputError as error:
        return _one(request, membership, alert, error, given)
    messages.success(request, f"{given['name']} was saved.")
    if saved.secret:
        return _secret(request, membership, saved)
    return redirect("alert", membership.organization.slug, alert_id)


@require_POST
@organization_page(Right.REPORTS_WRITE)
def delete_alert(request: HttpRequest, membership: Membership, alert_id: UUID) -> HttpResponse:
    if not rules.delete_alert(**where(membership), alert_id=alert_id):
        return gone(request, membership, "alert", "budgets")
    attempt(request, lambda: "The alert was deleted. What it has said stays below.")
    return redirect("budgets", membership.organization.slug)


def _given(request: HttpRequest) -> dict[str, Any]:
    given: dict[str, Any] = typed(request, "name", "budget", "percents", "hook_url", "hook_form")
    given["recipients"] = request.POST.getlist("recipients")
    given["on_forecast"] = "on_forecast" in request.POST
    return given


def _read(given: dict[str, Any]) -> dict[str, Any]:
    parts = [one.strip().removesuffix("%").strip() for one in given["percents"].split(",")]
    wrong = [one for one in parts if one and not (one.isascii() and one.isdecimal() and len(one) < 5)]
    if wrong:
        raise InputError("percents", f"{wrong[0]!r} is no whole number", "such as 50, 80, 100")
    return {
        **given,
        "percents": [int(one) for one in parts if one],
        "hook_form": given["hook_form"] or "orbit",
    }


def _read_budgets(organization: Organization) -> list[Budget] | None:
    """None while the counting store does not answer."""
    try:
        return budgets(organization)
    except (RedisError, OSError) as error:
        logger.warning("budgets are not reachable: %s", type(error).__name__)
        return None


def _page(
    request: HttpRequest,
    membership: Membership,
    wrong: InputError | None = None,
    given: dict[str, Any] | None = None,
) -> HttpResponse:
    organization = membership.organization
    found = _read_budgets(organization)
    notices = Notice.objects.filter(is_silent=False).prefetch_related("deliveries").order_by("-pk")[:NOTICES]
    may_write = may(membership, Right.REPORTS_WRITE)
    context = {
        "budgets": None if found is None else [(one, _bar(one), _mark(one)) for one in found[:SHOWN]],
        "more": max(0, len(found or ()) - SHOWN),
        "alerts": list(Alert.objects.order_by("name")),
        "notices": [(one, words.sentence(one)) for one in notices],
        "may_write": may_write,
        "wrong": wrong,
        "typed": given or USUAL,
        **(_choices(found) if may_write else {}),
    }
    return organization_answer(request, organization, "console/budgets/budgets.html", context)


def _bar(one: Budget) -> float:
    return round(SCALE * min(1.0, one.percent / 100), 1)


def _mark(one: Budget) -> float | None:
    """Where the bar would end if it was spent evenly."""
    return None if one.elapsed_percent is None else round(SCALE * one.elapsed_percent / 100, 1)


def _choices(found: list[Budget] | None) -> dict[str, Any]:
    return {
        "names": sorted({one.name for one in found or ()}),
        "members": recipients.choices()[:MOST_MEMBERS],
        "forms": Alert.Form.choices,
    }


def _one(
    request: HttpRequest,
    membership: Membership,
    alert: Alert,
    wrong: InputError | None = None,
    given: dict[str, Any] | None = None,
) -> HttpResponse:
    organization = membership.organization
    as_it_is = {
        "name": alert.name,
        "budget": alert.budget,
        "percents": ", ".join(map(str, alert.percents)),
        "on_forecast": alert.on_forecast,
        "recipients": alert.recipients,
        "hook_form": alert.hook_form,
    }
    context = {
        "alert": alert,
        "wrong": wrong,
        "typed": given or as_it_is,
        **_choices(_read_budgets(organization)),
    }
    return organization_answer(request, organization, "console/budgets/alert.html", context)


def _secret(request: HttpRequest, membership: Membership, saved: Saved[Alert]) -> HttpResponse:
    """The only page that ever shows it."""
    context = {"organization": membership.organization, "alert": saved.row, "secret": saved.secret}
    return render(request, "console/budgets/secret.html", context)
