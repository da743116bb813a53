"""The list of calls and refusals, the same as a file, and one call in full."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from audit.models import Event
from audit.reading import dropped
from console import spreadsheet
from console.access import organization_page
from console.calls import charge, reading, story
from console.calls.asked import CALL, LABELS, OF_CALLS, REFUSAL, STATUSES, Asked
from console.dashboard import corrections
from console.filters import SPANS, place_text
from orbit.lib import money
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants.models import Membership, ModelAlias, Project, ProviderAccount
from tenants.rights import Right, may

CHOICES = 200  # of a list to choose from; others are typed
TYPED = ("key", "code", "end_user", "tag", "finding")
COLUMNS = (
    "admitted_at", "request_id", "project", "key", "end_user", "model", "account", "upstream_model", "endpoint", "stream",
    "status", "code", "http_status", "finish_reason", "usage_source", "input_tokens", "cached_input_tokens", "output_tokens",
    "reasoning_tokens", "cost", "currency", "price_version", "policy_version", "duration_ms", "first_token_ms", "tags",
)  # fmt: skip
REFUSED_COLUMNS = ("admitted_at", "project", "key", "model", "code", "limit", "count", "shadow")


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def calls_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Of who may not read calls, those of their own keys."""
    organization = membership.organization
    asked = Asked.read(request.GET.dict(), organization.time_zone)
    if asked.request_id is not None and reading.call(membership, asked.request_id) is not None:
        there = redirect("call", organization.slug, asked.request_id)
        return HttpResponseClientRedirect(there.url) if request.headers.get("HX-Request") else there
    found = _found(membership, asked)
    shown = {
        "organization": organization,
        "asked": asked,
        "typed": {name: request.GET.get(name, "") for name in (*TYPED, "request_id", "since", "until")},
        "problems": asked.problems,
        "complaints": [(name, LABELS.get(name, "This"), text) for name, text in asked.problems.items()],
        "rows": found.rows,
        "newer": asked.address(before=place_text(found.newer)) if found.newer else "",
        "older": asked.address(after=place_text(found.older)) if found.older else "",
        "dropped": dropped(organization.pk, asked.since, asked.until),
        **(_instead(membership, asked.request_id) if asked.request_id else {}),
        "own_only": not may(membership, Right.CALLS_READ),
        "kinds": _kinds(asked),
        "spans": [(name, label) for name, (label, _) in SPANS.items()],
        "statuses": STATUSES.items(),
        "most_rows": reading.MOST_ROWS,
        **_choices(),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/calls.html", shown, status=400 if asked.problems else 200)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def calls_file(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What the list is filtered by, as a file for spreadsheets."""
    organization = membership.organization
    asked = Asked.read(request.GET.dict(), organization.time_zone)
    if asked.problems:
        return redirect(f"{request.path.removesuffix('csv/')}?{request.GET.urlencode()}")
    rows, whole = reading.everything(membership, asked)
    name = f"{organization.slug}-{'refusals' if asked.kind == REFUSAL else 'calls'}"
    if not whole:
        name += f"-newest-{len(rows)}"
    columns, of = (REFUSED_COLUMNS, _refusal_row) if asked.kind == REFUSAL else (COLUMNS, _call_row)
    return spreadsheet.answer(name, columns, (of(one) for one in rows))


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def call_page(request: HttpRequest, membership: Membership, event_id: UUID) -> HttpResponse:
    organization = membership.organization
    call = reading.call(membership, event_id)
    if call is None:
        shown: dict[str, Any] = {
            "organization": organization,
            "request_id": event_id,
            **_instead(membership, event_id),
        }
        with timezone.override(ZoneInfo(organization.time_zone)):
            return render(request, "console/no_call.html", shown, status=404)
    later = corrections(organization.pk, call)
    shown = {
        "organization": organization,
        "call": call,
        "route": story.route(call),
        "timing": story.timing(call),
        "charge": charge.charged(call),
        "policies": story.policies(call),
        "personal": story.personal(call),
        "sections": story.sections(call),
        "tags": (call.detail.get("tags") or {}).items(),
        "corrections": later,
        "may_read_content": may(membership, Right.CONTENTS_READ),
        "raw_usage": json.dumps(call.detail.get("usage"), indent=2, ensure_ascii=False),
        "cost_now": None
        if call.cost_nano is None
        else call.cost_nano + sum(one.cost_nano or 0 for one in later),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/call.html", shown)


def _instead(membership: Membership, event_id: UUID) -> dict[str, Any]:
    """Of an id that is no call's."""
    return {
        "left": reading.left_of(membership, event_id),
        "refused": reading.refused_around(membership, event_id),
    }


def _found(membership: Membership, asked: Asked) -> reading.Found:
    """Nothing while something that was asked cannot be read: all the rest would look like the answer."""
    if not asked.problems:
        try:
            return reading.page(membership, asked)
        except InputError as error:
            asked.problems[error.path] = f"{error.message} ({error.suggestion})"
    return reading.Found([], None, None)


def _choices() -> dict[str, list[str]]:
    projects = Project.objects.order_by("slug").values_list("slug", flat=True)
    models = ModelAlias.objects.order_by("alias").values_list("alias", flat=True)
    accounts = ProviderAccount.objects.order_by("name").values_list("name", flat=True)
    return {
        "projects": list(projects[:CHOICES]),
        "models": list(models[:CHOICES]),
        "accounts": list(accounts[:CHOICES]),
    }


def _kinds(asked: Asked) -> list[tuple[str, str, str]]:
    """Either list with what both know of."""
    kept = Asked(CALL, {name: text for name, text in asked.given.items() if name not in OF_CALLS})
    refusals = Asked(REFUSAL, kept.given)
    return [(CALL, "Calls", kept.query), (REFUSAL, "Refused requests", refusals.query)]


def _call_row(call: Event) -> list[Any]:
    tags: dict[str, str] = call.detail.get("tags") or {}
    made = {
        "admitted_at": rfc3339(call.admitted_at),
        "cost": None if call.cost_nano is None else money.amount(call.cost_nano),
        "tags": "; ".join(f"{name}={value}" for name, value in sorted(tags.items())),
    }
    return [made[name] if name in made else getattr(call, name) for name in COLUMNS]


def _refusal_row(event: Event) -> list[Any]:
    made = {"admitted_at": rfc3339(event.admitted_at), "shadow": bool(event.detail.get("shadow"))}
    return [made[name] if name in made else getattr(event, name) for name in REFUSED_COLUMNS]
