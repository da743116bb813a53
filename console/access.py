"""Who may open a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django_htmx.http import HttpResponseClientRefresh

from orbit.lib import access
from tenants.models import Membership

P = ParamSpec("P")
OrganizationView = Callable[Concatenate[HttpRequest, Membership, P], HttpResponse]

_LOOPBACK = {"127.0.0.1", "::1"}


def sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back. A fragment's request has the whole page reloaded, which then comes here."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    return redirect_to_login(request.get_full_path())


def organization_page(view: OrganizationView[P]) -> Callable[..., HttpResponse]:
    """The view runs in the organization's scope with the person's membership.

    A slug that names nobody's organization and one that names somebody else's meet the same 404.
    """

    @wraps(view)
    def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return sign_in(request)
        membership = Membership.objects.select_related("organization").filter(organization__slug=slug).first()
        if membership is None:
            raise Http404
        with access.scope(organization_id=membership.organization_id, person_id=membership.person_id):
            return view(request, membership, *args, **kwargs)

    return page


def is_local_development(request: HttpRequest) -> bool:
    """Whether the development pages exist: on a laptop, for somebody at it, with nothing in between."""
    return (
        settings.ORBIT_DEVELOPMENT
        and request.META.get("REMOTE_ADDR") in _LOOPBACK
        and "X-Forwarded-For" not in request.headers
    )
