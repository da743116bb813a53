"""The OpenAI surface: how errors read, plain and at the end of a stream."""

from __future__ import annotations

from math import ceil
from typing import Any

import orjson

from orbit.lib.errors import Code, OrbitError
from proxy.context import Headers, Reply

TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}
FINAL = {Code.REQUEST_EXCEEDS_LIMIT, Code.INSUFFICIENT_QUOTA}
SOON_S = 5.0  # clients that try again by themselves wait about so long in all


def error_body(error: OrbitError, request_id: str) -> dict[str, Any]:
    kind = (
        "insufficient_quota"
        if error.code is Code.INSUFFICIENT_QUOTA
        else TYPES.get(error.status, "server_error")
    )
    return {
        "error": {
            "message": error.message,
            "type": kind,
            "param": error.param,
            "code": error.code.value,
            "orbit": {"request_id": request_id, **error.data},
        }
    }


def request_id_headers(request_id: str) -> Headers:
    """Under our own name, and under the one that OpenAI's SDKs show as `_request_id`."""
    written = request_id.encode()
    return [(b"x-orbit-request-id", written), (b"x-request-id", written)]


def error_reply(error: OrbitError, request_id: str) -> Reply:
    headers: Headers = [(b"content-type", b"application/json"), *request_id_headers(request_id)]
    if error.data.get("limit"):
        headers.append((b"x-orbit-limit", str(error.data["limit"]).encode()))
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, ceil(error.retry_after_s))).encode()))
    if error.code in FINAL and (error.retry_after_s is None or error.retry_after_s > SOON_S):
        headers.append((b"x-should-retry", b"false"))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return Reply(error.status, headers, orjson.dumps(error_body(error, request_id)))


def error_event(error: OrbitError, request_id: str) -> bytes:
    """The last event of a stream that ends before its time."""
    return b"data: " + orjson.dumps(error_body(error, request_id)) + b"\n\n"
