"""ETags: who changes what they read, changes that and nothing newer (RFC 9110)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api.problems import ProblemError


def etag(shown: Any) -> str:
    """Of what is shown, so that it changes when something that one can see does."""
    return f'"{sha256(JSONRenderer().render(shown)).hexdigest()[:32]}"'


def marked(request: Request, response: Response) -> Response:
    """The answer with its ETag; 304 without a body when the caller has it already."""
    tag = etag(response.data)
    if _matches(request.headers.get("If-None-Match"), tag):
        response = Response(status=304)
    response["ETag"] = tag
    return response


def check(request: Request, lock: Callable[[], None], current: Callable[[], Any]) -> None:
    """Refuses a change of what is not as the caller takes it to be. Nobody changes it from here on."""
    wanted, unwanted = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if wanted is None and unwanted is None:
        return
    lock()
    shown = current()
    tag = etag(shown) if shown is not None else None
    if wanted is not None and not _matches(wanted, tag):
        raise ProblemError("precondition_failed", "It is not as If-Match says. Read it again, then repeat.")
    if unwanted is not None and _matches(unwanted, tag):
        raise ProblemError("precondition_failed", "There is one already, and If-None-Match says otherwise.")


def _matches(header: str | None, tag: str | None) -> bool:
    if header is None or tag is None:
        return False
    named = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in named or tag in named
