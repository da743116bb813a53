"""Errors of the management API as problem details (RFC 9457), which name the field and the remedy."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from redis.exceptions import RedisError
from rest_framework import exceptions, status
from rest_framework.response import Response

from orbit.lib import access
from orbit.lib.errors import Code, InputError, OrbitError
from tenants.schema import Invalid, Problem

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_S = 5
TOO_LONG = (
    "The database was stopped over it. Ask for less: a shorter time, a smaller `limit` or narrower filters."
)

# code: status and title. docs/errors.md explains each; a test holds it complete.
PROBLEMS: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "The request is not valid"),
    "unauthenticated": (401, "A valid credential is needed"),
    "permission_denied": (403, "The credential does not allow this"),
    "not_found": (404, "There is nothing here"),
    "method_not_allowed": (405, "This method is not allowed here"),
    "not_acceptable": (406, "Answers are JSON"),
    "precondition_failed": (412, "It was changed meanwhile"),
    "body_too_large": (413, "The request is too large"),
    "unsupported_media_type": (415, "Requests are JSON"),
    "idempotency_key_reused": (422, "The idempotency key belongs to another request"),
    "rate_limited": (429, "Too many requests"),
    "internal_error": (500, "Something went wrong on our side"),
    "took_too_long": (503, "The question took too long"),
    "unavailable": (503, "A part that this needs does not answer"),
}


class ProblemError(Exception):
    """An answer to the caller that none of Django's, DRF's and our own errors stands for."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Fault:
    field: str
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        made = {"field": self.field, "detail": self.detail}
        return made | {"remedy": self.remedy} if self.remedy else made


def answer(error: Exception, request_id: str) -> Response:
    """The response to an error. What we did not expect is logged and told to nobody."""
    code, detail, faults = _read(error)
    number, title = PROBLEMS[code]
    if number == status.HTTP_500_INTERNAL_SERVER_ERROR:
        logger.error("request %s failed", request_id, exc_info=error)
    body = {
        "type": f"urn:orbit:problem:{code}",
        "title": title,
        "status": number,
        "code": code,
        "detail": detail,
        "errors": [fault.as_dict() for fault in faults],
        "request_id": request_id,
    }
    return Response(body, status=number, headers=_headers(error, code), content_type=CONTENT_TYPE)


@contextmanager
def below(field: str) -> Iterator[None]:
    """What is wrong within a document of its own, told by its place in the body."""
    try:
        yield
    except Invalid as error:
        raise Invalid(
            [Problem(f"{field}.{one.path}", one.message, one.suggestion) for one in error.problems]
        ) from None


def _read(error: Exception) -> tuple[str, str, list[Fault]]:
    """Code, detail and faults."""
    match error:
        case ProblemError():
            return error.code, error.detail, []
        case Invalid():
            return _faulty([Fault(one.path, one.message, one.suggestion) for one in error.problems])
        case InputError():
            return _faulty([Fault(error.path, error.message, error.suggestion)])
        case OrbitError(code=Code.INVALID_REQUEST):
            return "invalid_request", error.message, []
        case exceptions.ValidationError():
            return _faulty(list(_faults(error.detail)))
        case PermissionDenied() | exceptions.PermissionDenied():
            return "permission_denied", str(error) or PROBLEMS["permission_denied"][1], []
        case Http404():
            return "not_found", "It does not exist, or it is not yours to see.", []
        case OperationalError() if access.took_too_long(error):
            return "took_too_long", TOO_LONG, []
        case OperationalError() | RedisError():
            logger.warning("a store does not answer: %s", type(error).__name__)
            return "unavailable", f"Try again in {RETRY_S} seconds.", []
        case exceptions.APIException():
            return _of_framework(error)
    return "internal_error", "It has been noted. Try again in a moment.", []


def _of_framework(error: exceptions.APIException) -> tuple[str, str, list[Fault]]:
    by_status = {number: code for code, (number, _) in PROBLEMS.items()}
    code = by_status.get(error.status_code, "internal_error")
    if code == "unauthenticated":  # one answer for every bad credential
        return code, "Send a valid key or token as `Authorization: Bearer …`.", []
    return code, str(error.detail), []


def _faulty(faults: list[Fault]) -> tuple[str, str, list[Fault]]:
    first = faults[0]
    return "invalid_request", f"{first.field}: {first.detail}".removeprefix(": "), faults


def _faults(detail: Any, path: str = "") -> Iterator[Fault]:
    """The nested messages of a serializer, each with its path, such as `allow.models[0]`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _faults(inner, _below(path, name))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _faults(inner, f"{path}[{number}]" if nested else path)
    else:
        yield Fault(path, str(detail))


def _below(path: str, name: object) -> str:
    if isinstance(name, int):  # which one of a list
        return f"{path}[{name}]"
    if name == "non_field_errors":  # what concerns the object as a whole has the object's own path
        return path
    return f"{path}.{name}" if path else str(name)


def _headers(error: Exception, code: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    if code == "unauthenticated":
        headers["WWW-Authenticate"] = 'Bearer realm="orbit"'
    if code == "unavailable":
        headers["Retry-After"] = str(RETRY_S)
    wait = getattr(error, "wait", None)
    if code == "rate_limited" and wait is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    return headers
