"""The page of credentials of the management API: an organization's keys and OAuth clients, and a member's own keys."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access import organization_page
from console.acts import attempt, typed, where
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ManagementKey, Membership, OAuthClient
from tenants.rights import MEANINGS, Right, may

SHOWN = 50  # of each kind, the newest


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def access_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.ORGANIZATION_READ)
def issue_key(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Shows the key, this once. Whoever may not issue the organization's own issues one of their own."""
    given: dict[str, Any] = typed(request, "name", "expires_on") | {"scopes": request.POST.getlist("scopes")}
    own = "own" in request.POST or not may(membership, Right.MANAGEMENT_KEYS_WRITE)
    try:
        _, text = services.issue_management_key(
            **where(membership),
            name=given["name"],
            scopes=given["scopes"],
            own=own,
            expires_at=_end_of(given["expires_on"], membership),
        )
    except InputError as error:
        return _page(request, membership, form="key", wrong=error, given=given | {"own": own})
    return _page(request, membership, secret=text, of=given["name"])


@require_POST
@organization_page(Right.ORGANIZATION_READ)
def revoke_key(request: HttpRequest, membership: Membership, management_key_id: UUID) -> HttpResponse:
    def do() -> str:
        key = services.revoke_management_key(**where(membership), key_id=management_key_id)
        return f"{key.name} was revoked."

    attempt(request, do)
    return redirect("api_access", membership.organization.slug)


@require_POST
@organization_page(Right.MANAGEMENT_KEYS_WRITE)
def issue_client(request: HttpRequest, membership: Membership) -> HttpResponse:
    given: dict[str, Any] = typed(request, "name") | {"scopes": request.POST.getlist("scopes")}
    try:
        client, text = services.issue_oauth_client(
            **where(membership), name=given["name"], scopes=given["scopes"]
        )
    except InputError as error:
        return _page(request, membership, form="client", wrong=error, given=given)
    return _page(request, membership, secret=text, of=given["name"], client_id=client.client_id)


@require_POST
@organization_page(Right.MANAGEMENT_KEYS_WRITE)
def change_client(request: HttpRequest, membership: Membership, client_id: UUID) -> HttpResponse:
    def do() -> str:
        client = services.change_oauth_client(
            **where(membership), client_id=client_id, scopes=request.POST.getlist("scopes")
        )
        return f"{client.name} has these scopes now; its tokens too."

    attempt(request, do)
    return redirect("api_access", membership.organization.slug)


@require_POST
@organization_page(Right.MANAGEMENT_KEYS_WRITE)
def revoke_client(request: HttpRequest, membership: Membership, client_id: UUID) -> HttpResponse:
    def do() -> str:
        client = services.revoke_oauth_client(**where(membership), client_id=client_id)
        return f"{client.name} was revoked, and every token of it."

    attempt(request, do)
    return redirect("api_access", membership.organization.slug)


def _page(
    request: HttpRequest,
    membership: Membership,
    *,
    secret: str = "",
    of: str = "",
    client_id: str = "",
    form: str = "",
    wrong: InputError | None = None,
    given: dict[str, Any] | None = None,
) -> HttpResponse:
    organization = membership.organization
    may_all = may(membership, Right.MANAGEMENT_KEYS_WRITE)
    mine = Q(person=membership.person_id)
    keys = ManagementKey.objects.select_related("person").defer("digest").filter(revoked_at=None)
    clients = OAuthClient.objects.filter(revoked_at=None)
    shown = {
        "organization": organization,
        "keys": list((keys if may_all else keys.filter(mine)).order_by("-id")[:SHOWN]),
        "clients": [
            (client, _scopes(membership, client.words))
            for client in (clients.order_by("-id")[:SHOWN] if may_all else [])
        ],
        "may_all": may_all,
        "scopes": _scopes(membership, (given or {}).get("scopes", [])),
        "secret": secret,
        "of": of,
        "client_id": client_id,
        "form": form,
        "key_wrong": wrong if form == "key" else None,
        "client_wrong": wrong if form == "client" else None,
        "typed": given or {},
        "public_url": settings.ORBIT_PUBLIC_URL,
        "revoking": "Programs that use it are refused from their next request on.",
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        answer = render(request, "console/api_access.html", shown, status=400 if wrong else 200)
    if secret:
        answer["Cache-Control"] = "no-store"
    return answer


def _scopes(membership: Membership, words: list[str]) -> list[tuple[Right, str, bool, bool]]:
    """Each with its meaning, whether it is ticked, and whether the member may give it."""
    return [(right, MEANINGS[right], right.value in words, right in membership.rights) for right in Right]


def _end_of(day: str, membership: Membership) -> datetime | None:
    """The end of that day where the organization is."""
    if not day:
        return None
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise InputError("expires_on", "must be a day", "such as 2027-01-31") from None
    return datetime.combine(on, time(23, 59, 59), ZoneInfo(membership.organization.time_zone))
