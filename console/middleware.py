"""What surrounds every page: the scope in which its queries run, and what it may load."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from console import second_factor, sessions
from console.single_sign_on import SSO
from orbit.lib import access

ADMIN = "/admin/"
OPERATED = (ADMIN, "/operator/")  # read as the operator
WITHOUT_COOKIES = ("/api/v1/", "/identity/")  # the management API and where its tokens come from
ACCOUNTS = "/accounts/"


class AccessMiddleware:
    """Admin pages and the operator console read as the operator, for staff; every other page sees the signed-in person's own rows.

    Staff need a second factor there where ORBIT_STAFF_MFA says so. Who still waits for an operator has but the account's own pages.
    A page of an organization narrows the scope to it after checking the membership.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(WITHOUT_COOKIES):
            return self.get_response(request)
        person = request.user
        if not person.is_authenticated:
            return self.get_response(request)
        if request.path_info.startswith(SSO):  # asks a provider, so no transaction may wait for it
            return self.get_response(request)
        if request.path_info.startswith(OPERATED) and person.is_staff:
            if settings.ORBIT_STAFF_MFA and not second_factor.is_proved(request):
                in_admin = request.path_info.startswith(ADMIN)
                return second_factor.ask(
                    request, "The operator’s admin" if in_admin else "The operator console"
                )
            with access.operator():
                return self.get_response(request)
        if person.approved_at is None and not request.path_info.startswith(ACCOUNTS):
            return render(request, "console/waiting.html", status=HTTPStatus.FORBIDDEN)
        with access.scope(person_id=person.pk):
            response = self.get_response(request)
            # Django has made a page of the exception before our scope ends: without this it would commit.
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                transaction.set_rollback(True, using="default")
            return response


class PatienceMiddleware:
    """Somebody waits for what a request asks of the database, and others wait behind it.

    Operators ask about all organizations, so they get more. A page that is made needs no connection, however slowly it is read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        operated = request.path_info.startswith(OPERATED)
        with access.statements_within(
            settings.ORBIT_OPERATOR_QUERY_MS if operated else settings.ORBIT_QUERY_MS
        ):
            response = self.get_response(request)
        if isinstance(request, ASGIRequest):  # whose thread stays until the answer is sent
            close_old_connections()
        return response


class LastSeenMiddleware:
    """Keeps the list of sessions up to date. Outside any page's transaction, which may be rolled back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            sessions.note(request)
        return self.get_response(request)


class NoStoreMiddleware:
    """Pages of the account hold secrets that are shown once: no browser keeps them to go back to."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith(ACCOUNTS):
            add_never_cache_headers(response)
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """The policy of the settings, loosened for Django admin alone.

    Unfold, the admin's theme, is built on Alpine, which evaluates expressions found in attributes, and writes
    its colours and some widths into the page. No page of our own needs either.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(ADMIN):
            parts.update = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}
        return parts
