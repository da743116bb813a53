"""Pages of stored contents: one call's, and what an organization keeps of all."""

from __future__ import annotations

import zoneinfo
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.models import Content
from console.access import organization_page
from console.content import shown
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import DataKey, Membership, PolicyRevision
from tenants.rights import Right, may

COUNTED = 10_000  # calls, beyond which the page says "more than"


@require_POST
@organization_page(Right.CONTENTS_READ)
def call_content(request: HttpRequest, membership: Membership, event_id: UUID) -> HttpResponse:
    """Posted, since it changes the ledger: that somebody reads is an act."""
    organization = membership.organization
    found = services.read_content(organization_id=organization.pk, event_id=event_id, actor=membership)
    if found is None:
        raise Http404
    told = {"organization": organization, "event_id": event_id, "content": found}
    told["parts"] = [shown(part) for part in found.parts]
    answer = render(request, "console/content.html", told)
    answer["Cache-Control"] = "no-store"
    return answer


@require_safe
@organization_page(Right.CONTENTS_ERASE)
def contents_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.CONTENTS_ERASE)
def erase(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Asks first, with how much it is; the answer to that comes here again."""
    typed = {name: request.POST.get(name, "").strip() for name in ("kind", "whose", "reason")}
    given: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    try:
        subject = _subject(typed)
        if "sure" not in request.POST:
            calls = services.contents_of(**given, subject=subject, reason=typed["reason"])
            return _page(request, membership, typed=typed | {"calls": calls}, asks=True)
        calls = services.erase_contents(**given, subject=subject, reason=typed["reason"])
    except InputError as error:
        return _page(request, membership, wrong=error, typed=typed)
    plural = "" if calls == 1 else "s"
    messages.success(request, f"Erased what {calls} call{plural} had stored.")
    return redirect("contents", membership.organization.slug)


def _subject(typed: dict[str, str]) -> services.Subject:
    kind, whose = typed["kind"], typed["whose"]
    if kind not in ("key", "call"):
        return services.Subject(end_user=whose)
    try:
        found = UUID(whose)
    except ValueError:
        raise InputError(kind, "is no id", f"copy it from the page of the {kind}") from None
    return services.Subject(key_id=found) if kind == "key" else services.Subject(event_id=found)


@require_POST
@organization_page(Right.CONTENTS_DESTROY)
def destroy(request: HttpRequest, membership: Membership) -> HttpResponse:
    typed = {name: request.POST.get(name, "").strip() for name in ("confirm", "reason")}
    try:
        services.destroy_data_keys(organization_id=membership.organization_id, actor=membership, **typed)
    except InputError as error:
        return _page(request, membership, failed=error, typed=typed)
    messages.success(request, "The data keys are destroyed. Nothing that was stored can be read any more.")
    return redirect("contents", membership.organization.slug)


def _page(
    request: HttpRequest,
    membership: Membership,
    *,
    wrong: InputError | None = None,
    failed: InputError | None = None,
    typed: dict[str, Any] | None = None,
    asks: bool = False,
) -> HttpResponse:
    organization = membership.organization
    in_force = PolicyRevision.objects.filter(number=F("policy__revision")).select_related("policy")
    kept: Any = Content.objects.order_by().values("event_id").distinct()[: COUNTED + 1]
    count = len(kept)
    told = {
        "organization": organization,
        "storing": [
            (one.policy.name, one.document["audit"])
            for one in in_force.order_by("policy__name")
            if (one.document.get("audit") or {}).get("content", "none") != "none"
        ],
        "calls": min(count, COUNTED),
        "more": count > COUNTED,
        "keys": list(DataKey.objects.order_by("-generation")[:20]),
        "may_destroy": may(membership, Right.CONTENTS_DESTROY),
        "wrong": wrong,
        "failed": failed,
        "typed": typed or {},
        "asks": asks,
    }
    with timezone.override(zoneinfo.ZoneInfo(organization.time_zone)):
        return render(request, "console/contents.html", told, status=400 if wrong or failed else 200)
