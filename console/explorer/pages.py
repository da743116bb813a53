"""The trail as a list that is filtered, and one entry in full with its proof."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from audit.events import COLUMNS, exported
from audit.models import Event
from audit.proof import prove
from audit.reading import dropped
from console.access import organization_page
from console.explorer import difference, reading
from console.explorer.asked import KINDS, LABELS, TEXTS, Asked
from console.filters import SPANS, place_text
from tenants.models import Membership
from tenants.rights import Right, may

SEE_DEAD_LETTERS = "audit.view_deadletter"


@require_safe
@organization_page(Right.LEDGER_READ)
def audit_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    asked = read(request, membership)
    wanted = None if asked.problems else asked.selection.request_id
    if wanted is not None and (reading.event(membership, wanted) or reading.left_of(membership, wanted)):
        there = redirect("event", organization.slug, wanted)
        return HttpResponseClientRedirect(there.url) if request.headers.get("HX-Request") else there
    found = reading.Found([], None, None) if asked.problems else reading.page(asked)
    shown = {
        "organization": organization,
        "asked": asked,
        "typed": {name: request.GET.get(name, "") for name in (*TEXTS, "id", "since", "until")},
        "problems": asked.problems,
        "complaints": [(name, LABELS.get(name, "This"), text) for name, text in asked.problems.items()],
        "entries": found.entries,
        "newer": asked.address(before=place_text(found.newer)) if found.newer else "",
        "older": asked.address(after=place_text(found.older)) if found.older else "",
        "kinds": [
            (kind, title, asked.of_kind(kind))
            for kind, title in KINDS.items()
            if kind == Event.Kind.ACT or may(membership, Right.CALLS_READ)
        ],
        "spans": [(name, label) for name, (label, _) in SPANS.items()],
        "dropped": dropped(organization.pk, asked.selection.since, asked.selection.until),
        "trail": reading.state(membership, of_operators=request.user.has_perm(SEE_DEAD_LETTERS)),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/explorer/list.html", shown, status=400 if asked.problems else 200)


@require_safe
@organization_page(Right.LEDGER_READ)
def event_page(request: HttpRequest, membership: Membership, event_id: UUID) -> HttpResponse:
    organization = membership.organization
    event = reading.event(membership, event_id)
    if event is None:
        left = reading.left_of(membership, event_id)
        if left is None:
            raise Http404
        with timezone.override(ZoneInfo(organization.time_zone)):
            gone = {"organization": organization, "left": left}
            return render(request, "console/explorer/gone.html", gone, status=404)
    told: dict[str, Any] = exported({name: getattr(event, name) for name in COLUMNS})
    rows = difference.rows(event.detail.get("before"), event.detail.get("after"))
    shown = {
        "organization": organization,
        "event": event,
        "is_act": event.kind == Event.Kind.ACT,
        "has_page": event.kind == Event.Kind.CALL,
        "rows": [row for row in rows if row.op != "same"],
        "same": [row for row in rows if row.op == "same"],
        "sides": (event.detail.get("before") is not None, event.detail.get("after") is not None),
        "proof": prove(event),
        "raw": json.dumps(told, indent=2, ensure_ascii=False),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/explorer/event.html", shown)


def read(request: HttpRequest, membership: Membership) -> Asked:
    """Of the address, or of a form that asks for the same."""
    given = (request.POST if request.method == "POST" else request.GET).dict()
    return Asked.read(given, membership.organization.time_zone, calls=may(membership, Right.CALLS_READ))
