"""Who may open a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django_htmx.http import HttpResponseClientRefresh

from console import second_factor, single_sign_on
from orbit.lib import access, logs
from tenants.models import Membership
from tenants.rights import Right, may

P = ParamSpec("P")
OrganizationView = Callable[Concatenate[HttpRequest, Membership, P], HttpResponse]

_LOOPBACK = {"127.0.0.1", "::1"}


def sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back. A fragment's request has the whole page reloaded, which then comes here."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    return redirect_to_login(request.get_full_path())


def organization_page(*rights: Right) -> Callable[[OrganizationView[P]], Callable[..., HttpResponse]]:
    """The view runs in the organization's scope with the membership of a person who has the rights.

    Not in a session that must first come by the organization's provider, or came by another one's. An organization
    that requires a second factor opens only in a session that one was used in, or that its provider vouches for. A slug
    that names nobody's organization and one that names somebody else's meet the same 404.
    """

    def declared(view: OrganizationView[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return sign_in(request)
            member = _membership(slug)
            if member is None:
                raise Http404
            logs.belongs(member.organization_id)
            with access.scope(organization_id=member.organization_id, person_id=member.person_id):
                if not single_sign_on.opens(request, member):
                    return single_sign_on.ask_again(request, member)
                if _lacks_factor(request, member):
                    return second_factor.ask(request, member.organization.name)
                if not all(may(member, right) for right in rights):
                    raise PermissionDenied
                request.membership = member  # type: ignore[attr-defined]  # for console.context
                return view(request, member, *args, **kwargs)

        page.rights = frozenset(rights)  # type: ignore[attr-defined]  # for whoever walks the addresses
        return page

    return declared


def _lacks_factor(request: HttpRequest, member: Membership) -> bool:
    if not member.organization.requires_mfa or single_sign_on.vouched(request) is not None:
        return False
    return not second_factor.is_proved(request)


def _membership(slug: str) -> Membership | None:
    """The signed-in person's, whose scope this is."""
    memberships = Membership.objects.select_related("organization", "custom_role", "person")
    return memberships.filter(organization__slug=slug).first()


def is_local_development(request: HttpRequest) -> bool:
    """Whether the development pages exist: on a laptop, for somebody at it, with nothing in between."""
    return (
        settings.ORBIT_DEVELOPMENT
        and request.META.get("REMOTE_ADDR") in _LOOPBACK
        and "X-Forwarded-For" not in request.headers
    )
