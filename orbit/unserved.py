"""What is said to who cannot be served before Django has seen the request, on a page or as a problem of the management API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from console import errors
from orbit.lib.ids import uuid7
from tenants.api.problems import CONTENT_TYPE, PROBLEMS, RETRY_S

API = "/api/"
DETAILS = {
    "busy": f"Too many requests of yours are waiting in this worker. Try again in {RETRY_S} seconds.",
    "too_large": "The request is larger than any that is taken here. Send less at once.",
}
CODES = {"busy": "unavailable", "too_large": "body_too_large"}
# As on every page of ours; no script belongs to these.
PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
]


class Unserved(Exception):
    """`busy` or `too_large`."""

    @property
    def reason(self) -> str:
        return str(self)


async def answer(
    path: str, unserved: Unserved, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
) -> None:
    status, title = PROBLEMS[CODES[unserved.reason]]
    if path.startswith(API):
        headers, content = (
            [(b"content-type", CONTENT_TYPE.encode())],
            _problem(status, title, unserved.reason),
        )
    else:
        page = errors.busy() if unserved.reason == "busy" else errors.too_large()
        headers, content = list(PAGE_HEADERS), page.content
    headers += [
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if unserved.reason == "busy":
        headers.append((b"retry-after", str(RETRY_S).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _problem(status: int, title: str, reason: str) -> bytes:
    code = CODES[reason]
    return orjson.dumps(
        {
            "type": f"urn:orbit:problem:{code}",
            "title": title,
            "status": status,
            "code": code,
            "detail": DETAILS[reason],
            "errors": [],
            "request_id": str(uuid7()),
        }
    )
