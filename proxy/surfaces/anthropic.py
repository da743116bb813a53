"""The Anthropic surface."""

from __future__ import annotations

from typing import Any

import orjson

from orbit.lib.errors import OrbitError
from proxy.surfaces.base import Surface

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OTHER = "api_error"


class AnthropicSurface(Surface):
    name = "anthropic"
    id_header = b"request-id"
    dialects = frozenset({"anthropic"})
    keep_alive = b'event: ping\ndata: {"type":"ping"}\n\n'

    def error_body(self, error: OrbitError, request_id: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "type": TYPES.get(error.status, OTHER),
            "message": error.message,
            "code": error.code.value,
        }
        if error.param is not None:
            told["param"] = error.param
        if error.data:
            told["orbit"] = error.data
        return {"type": "error", "error": told, "request_id": request_id}

    def error_event(self, error: OrbitError, request_id: str, endpoint: str, passed: int) -> bytes:
        return b"event: error\ndata: " + orjson.dumps(self.error_body(error, request_id)) + b"\n\n"

    def foreign_error(self, status: int, kind: str, message: str, request_id: str) -> dict[str, Any]:
        told = {"type": TYPES.get(status, OTHER if status >= 500 else TYPES[400]), "message": message}
        if kind:
            told["code"] = kind
        return {"type": "error", "error": told, "request_id": request_id}
