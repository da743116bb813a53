"""The page of requests for more: asked by whoever needs it, answered by somebody else, over when their time is."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access import organization_page
from console.explained import Explained, explained
from console.policies.draft import whole
from orbit.lib.clock import parse
from orbit.lib.errors import InputError
from proxy.checks import matches
from tenants import services
from tenants.comparison import shown as in_one_line
from tenants.models import Membership, ModelAlias, PolicyRequest, PolicyRevision
from tenants.rights import Right, may
from tenants.schema import Invalid

State = PolicyRequest.State
PAST = 50
MOST_CHOICES = 300
USUALLY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Choice:
    """What one may ask for: `value` is how the form says it."""

    value: str
    words: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Row:
    asked: PolicyRequest
    own: bool
    now: str  # what the limit is today


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def requests_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership, {})


@require_POST
@organization_page(Right.ORGANIZATION_READ)
def ask(request: HttpRequest, membership: Membership) -> HttpResponse:
    given = {name: request.POST.get(name, "").strip() for name in ("what", "amount", "until", "reason")}
    try:
        with transaction.atomic(using="default"):
            _ask(membership, given)
    except (Invalid, InputError) as error:
        return _page(request, membership, given, wrong=_told(error))
    messages.success(request, "Asked. Whoever may answer has mail, and you get one when they did.")
    return redirect("requests", membership.organization.slug)


@require_POST
@organization_page(Right.POLICIES_WRITE)
def approve(request: HttpRequest, membership: Membership, request_id: UUID) -> HttpResponse:
    def do() -> str:
        done = services.approve_request(
            organization_id=membership.organization_id,
            actor=membership,
            request_id=request_id,
            reason=request.POST.get("reason", "").strip(),
            amount=request.POST.get("amount", "").strip(),
        )
        less = f", for {done.granted} instead of {done.amount}" if done.granted else ""
        return f"Approved{less}. It holds from the next call on, and ends by itself."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.POLICIES_WRITE)
def refuse(request: HttpRequest, membership: Membership, request_id: UUID) -> HttpResponse:
    def do() -> str:
        services.refuse_request(
            organization_id=membership.organization_id,
            actor=membership,
            request_id=request_id,
            reason=request.POST.get("reason", "").strip(),
        )
        return "Refused. Whoever asked has mail with your reason."

    return _done(request, membership, do)


def to_answer(membership: Membership) -> int:
    """How many requests wait for this member's answer."""
    if not may(membership, Right.POLICIES_WRITE):
        return 0
    others = Q(requester=None) | ~Q(requester=membership.person_id)
    rows = PolicyRequest.objects.filter(others, organization_id=membership.organization_id)
    return rows.filter(state=State.OPEN).count()


def _ask(membership: Membership, given: Mapping[str, str]) -> None:
    kind, _, rest = given["what"].partition(":")
    policy, _, name = rest.partition(":")
    if kind not in ("limit", "model") or not name:
        raise InputError("what", "is missing", "choose a limit or a model")
    until = _moment(given["until"], membership.organization.time_zone)
    where: dict[str, Any] = {
        "organization_id": membership.organization_id,
        "actor": membership,
        "policy": policy,
        "until": until,
        "reason": given["reason"],
    }
    if kind == "model":
        services.request_model(**where, model=name)
    elif not given["amount"]:
        raise InputError("amount", "is missing", "say to how much the limit shall be raised")
    else:
        services.request_more(**where, limit=name, amount=given["amount"])


def _moment(text: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError("until", "must be a day and a time", "such as 2027-01-31T18:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def _told(error: Invalid | InputError) -> tuple[str, str]:
    """The field of our form, and what is wrong with it. What a policy would not take is told by its own path."""
    found = error.problems[0] if isinstance(error, Invalid) else error
    ends = {".limit": "amount", ".until": "until"}
    field = next((name for end, name in ends.items() if found.path.endswith(end)), found.path)
    field = {"limit": "what", "model": "what", "policy": "what"}.get(field, field)
    return field, found.message + (f": {found.suggestion}" if found.suggestion else "")


def _page(
    request: HttpRequest,
    membership: Membership,
    given: Mapping[str, str],
    wrong: tuple[str, str] | None = None,
) -> HttpResponse:
    organization = membership.organization
    documents = _documents()
    rows = PolicyRequest.objects.select_related("policy").order_by("-created_at")
    waiting = list(rows.filter(state=State.OPEN)[:200])
    running = list(rows.filter(state=State.APPROVED).order_by("until")[:200])
    past = list(rows.filter(state__in=[State.REFUSED, State.ENDED])[:PAST])
    limits, models = _choices(documents, organization.currency, given, request.GET)
    usual = datetime.now(zoneinfo.ZoneInfo(organization.time_zone)) + USUALLY
    shown = {
        "organization": organization,
        "waiting": [_row(one, membership, documents) for one in waiting],
        "running": running,
        "past": past,
        "limits": limits,
        "models": models,
        "given": {"until": usual.strftime("%Y-%m-%dT18:00"), **{k: v for k, v in given.items() if v}},
        "wrong": wrong,
        "asking": bool(given or any(request.GET.get(name) for name in ("policy", "limit", "model"))),
        "may_answer": may(membership, Right.POLICIES_WRITE),
        "now": timezone.now(),
        "may_explain": may(membership, Right.USAGE_READ),
        "explained": _explained(request, membership),
    }
    with timezone.override(zoneinfo.ZoneInfo(organization.time_zone)):
        status = HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK
        return render(request, "console/requests.html", shown, status=status)


def _explained(request: HttpRequest, membership: Membership) -> Explained | None:
    key = request.GET.get("key", "").strip()
    if not key or not may(membership, Right.USAGE_READ):
        return None
    return explained(membership.organization_id, key, request.GET.get("of", "").strip())


def _documents() -> dict[str, dict[str, Any]]:
    rows = PolicyRevision.objects.filter(number=F("policy__revision")).order_by("policy__name")
    return {name: whole(document) for name, document in rows.values_list("policy__name", "document")}


def _row(asked: PolicyRequest, membership: Membership, documents: Mapping[str, Any]) -> Row:
    limits = documents.get(asked.policy.name, {"limits": []})["limits"]
    now = next(
        (_in_words(one, membership.organization.currency) for one in limits if one["name"] == asked.limit), ""
    )
    return Row(asked, asked.requester_id == membership.person_id, now)


def _in_words(limit: Mapping[str, Any], currency: str) -> str:
    """`60.00 USD per month`."""
    words = in_one_line(limit)
    return words.replace(" cost", f" {currency}", 1) if limit["meter"] == "cost" else words


def _choices(
    documents: Mapping[str, dict[str, Any]], currency: str, given: Mapping[str, str], query: Mapping[str, str]
) -> tuple[list[Choice], list[Choice]]:
    """Limits that can be raised now, and models that a policy does not allow."""
    wanted = given.get("what", "")
    policy, limit, model = (query.get(name, "") for name in ("policy", "limit", "model"))
    now = datetime.now(UTC)
    limits, models = [], []
    aliases = list(ModelAlias.objects.order_by("alias").values_list("alias", flat=True)[:MOST_CHOICES])
    for name, document in documents.items():
        for one in document["limits"]:
            if one.get("temporary") and parse(one["temporary"]["until"]) > now:
                continue
            value = f"limit:{name}:{one['name']}"
            named = one["name"] == limit if limit else False
            chosen = value == wanted or (named and policy in ("", name))
            limits.append(Choice(value, f"{one['name']} of {name}, now {_in_words(one, currency)}", chosen))
        for alias in aliases:
            if matches(alias, tuple(document["allow"]["models"])):
                continue
            value = f"model:{name}:{alias}"
            chosen = value == wanted or (alias == model and policy in ("", name))
            models.append(Choice(value, f"{alias} under {name}", chosen))
    return limits[:MOST_CHOICES], models[:MOST_CHOICES]


def _done(request: HttpRequest, membership: Membership, do: Callable[[], str]) -> HttpResponse:
    try:
        with transaction.atomic(using="default"):
            messages.success(request, do())
    except (Invalid, InputError) as error:
        field, message = _told(error)
        messages.error(request, f"Nothing was decided: {field} {message}.")
    except PermissionDenied as error:
        messages.error(request, f"Nothing was decided: {error}.")
    return redirect("requests", membership.organization.slug)
