"""The playground: real calls from the page, with a key that ends by itself, and the same calls as code."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access import organization_page
from console.snippets import as_code
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey, Membership, Project
from tenants.rights import Right, may

LASTS = timedelta(hours=4)
NAME = "playground"  # how names of such keys begin
MOST_BYTES = 200_000  # of a request that is to be written as code
PROJECTS = 200
# A key that only the page uses needs no other endpoint.
ALLOWED = {"endpoints": ["chat/completions", "models"]}


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def playground_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    projects = Project.objects.filter(archived_at=None, suspended_at=None).order_by("slug")
    shown = {
        "organization": membership.organization,
        "projects": list(projects.values_list("slug", flat=True)[:PROJECTS]),
        "may_issue": may(membership, Right.KEYS_ISSUE),
        "hours": LASTS // timedelta(hours=1),
        "languages": [(one.name, one.title) for one in as_code("", {})],
        "nobody": UUID(int=0),  # stands for a call's id, which the page's script learns
    }
    return render(request, "console/playground.html", shown)


@require_POST
@organization_page(Right.KEYS_ISSUE)
def playground_key(request: HttpRequest, membership: Membership) -> HttpResponse:
    """A key of the member's own for some hours. Those that they had for it before end."""
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    if may(membership, Right.KEYS_REVOKE):
        _end(membership)
    try:
        key, text = services.issue_key(
            **where,
            project=request.POST.get("project", ""),
            name=f"{NAME}-{secrets.token_hex(4)}",
            owner=membership.person.email,
            allow=ALLOWED,
            expires_at=timezone.now() + LASTS,
        )
    except InputError as error:
        told = {"field": error.path, "message": error.message, "suggestion": error.suggestion}
        return JsonResponse(told, status=HTTPStatus.BAD_REQUEST)
    assert key.expires_at is not None
    answer = JsonResponse({"key": text, "expires_at": rfc3339(key.expires_at)}, status=HTTPStatus.CREATED)
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@organization_page(Right.KEYS_REVOKE)
def playground_end(request: HttpRequest, membership: Membership) -> HttpResponse:
    """The member's keys of this page end, from their next call on."""
    _end(membership)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_POST
@organization_page(Right.ORGANIZATION_READ)
def playground_code(request: HttpRequest, membership: Membership) -> HttpResponse:
    """The request that the page would send, as programs would. Nothing of it is kept."""
    try:
        if len(request.body) > MOST_BYTES:
            raise ValueError
        body = json.loads(request.body)
        if not isinstance(body, dict):
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        told = {
            "field": "body",
            "message": "is no JSON object",
            "suggestion": f"of at most {MOST_BYTES} bytes",
        }
        return JsonResponse(told, status=HTTPStatus.BAD_REQUEST)
    return JsonResponse({one.name: one.text for one in as_code(settings.ORBIT_PUBLIC_URL, body)})


def _end(membership: Membership) -> None:
    mine = ApiKey.objects.filter(person_id=membership.person_id, name__startswith=f"{NAME}-", revoked_at=None)
    for key_id in list(mine.values_list("pk", flat=True)):
        services.revoke_key(
            organization_id=membership.organization_id,
            key_id=key_id,
            actor=membership,
            reason="the playground is done with it",
        )
