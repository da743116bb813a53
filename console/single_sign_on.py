"""Sessions that came by an organization's provider: which they are, and what they open.

The provider of one organization vouches for nothing in another one: such a session opens its organization's pages,
and neither another organization, nor the account's own pages, nor the admin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRefresh

from tenants import services
from tenants.models import Membership

SSO = "/accounts/sso/"
_ACCOUNTS = "/accounts/"
_OPEN = (SSO, "/accounts/login/", "/accounts/logout/")
_ADMIN = "/admin/"
_MARK = "vouched"  # in the session


@dataclass(frozen=True, slots=True)
class Vouched:
    """By whose provider the session came."""

    organization_id: UUID
    session_id: UUID


def vouched(request: HttpRequest) -> Vouched | None:
    """None for a session that came by password. Whether the provider still vouches is not asked here."""
    found = request.session.get(_MARK)
    return Vouched(UUID(found[0]), UUID(found[1])) if found else None


def mark(request: HttpRequest, came: tuple[UUID, UUID] | None) -> None:
    """A new session's own way in; whatever the one before it had does not pass on."""
    request.session.pop(_MARK, None)
    if came is not None:
        request.session[_MARK] = [str(one) for one in came]


def end(request: HttpRequest) -> None:
    """With its tokens."""
    found = vouched(request)
    if found is not None:
        services.end_provider_session(organization_id=found.organization_id, session_id=found.session_id)


class SingleSignOnMiddleware:
    """Asks the provider again where it is time to, before any transaction begins; keeps such sessions to their own pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found, path = vouched(request), request.path_info
        if found is None or path.startswith(_OPEN) or request.user.pk is None:
            return self.get_response(request)
        if path.startswith((_ACCOUNTS, _ADMIN)):
            return render(request, "console/sso_closed.html", status=403)
        request.stands = services.still_stands(  # type: ignore[attr-defined]
            organization_id=found.organization_id,
            session_id=found.session_id,
            person_id=request.user.pk,
        )
        return self.get_response(request)


def opens(request: HttpRequest, member: Membership) -> bool:
    """Whether the session opens the member's organization, which is in scope."""
    found = vouched(request)
    if found is None:
        return not services.needs_provider(member)
    return found.organization_id == member.organization_id and bool(getattr(request, "stands", False))


def ask_again(request: HttpRequest, member: Membership) -> HttpResponse:
    """What a page of the organization shows instead of itself. A fragment's request has the whole page reloaded."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    shown = {
        "place": member.organization,
        "by_provider": services.place_of_slug(member.organization.slug) is not None,
        "vouched": vouched(request) is not None,
        "path": request.get_full_path() if request.method in ("GET", "HEAD") else "",
    }
    return render(request, "console/sso_needed.html", shown, status=403)
