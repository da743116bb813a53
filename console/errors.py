"""Error pages: what happened and where to go on, never why in our terms.

They know nothing of the request, so that two addresses that must not be told apart get the same bytes.
"""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from redis.exceptions import ConnectionError as StoreError
from redis.exceptions import TimeoutError as StoreTimeout

from orbit.lib import access

_AWAY = (OperationalError, InterfaceError, StoreError, StoreTimeout)
_RETRY_AFTER_S = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(400, "That request made no sense to us", "Go back and try it again from the page before.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(403, "This is not open to you", "Your account does not have the right for this page.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(
        403,
        "This form has expired",
        "It was opened before you last signed in or out, or cookies are off. Load the page again and repeat.",
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(
        404, "There is nothing here", "The address may be mistyped, or what it showed is not yours to see."
    )


def too_many_requests(request: HttpRequest) -> HttpResponse:
    return _page(
        429, "That was too often", "Wait a few minutes and try again. Nothing is lost, and nobody was told."
    )


def busy() -> HttpResponse:
    return _page(
        503,
        "There is much to do at once",
        "Many requests of yours are waiting already. Let some of them end, and try again in a few seconds.",
    )


def too_large() -> HttpResponse:
    return _page(413, "That is too large", "No page takes a file or a form of that size. Send less at once.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django answers with this while it handles the exception, so what it was can be seen here."""
    if access.took_too_long(sys.exception()):
        return _page(
            503,
            "That took too long",
            "The database was stopped over it, so that others are served too. Nothing was changed. Ask for less: a "
            "shorter time, or a narrower search.",
        )
    if isinstance(sys.exception(), _AWAY):
        answer = _page(
            503,
            "This is away for a moment",
            "The gateway does not reach one of its stores. Nothing was changed. Try again in a few seconds.",
        )
        answer["Retry-After"] = str(_RETRY_AFTER_S)
        return answer
    return _page(500, "Something went wrong on our side", "It has been noted. Try again in a moment.")


def _page(status: int, title: str, advice: str) -> HttpResponse:
    shown = {"status": status, "title": title, "advice": advice}
    return HttpResponse(loader.render_to_string("console/error.html", shown), status=status)
