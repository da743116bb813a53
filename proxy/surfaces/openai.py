"""The OpenAI surface."""

from __future__ import annotations

from typing import Any

import orjson

from orbit.lib.errors import Code, OrbitError
from proxy.surfaces.base import Surface

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


class OpenAISurface(Surface):
    name = "openai"
    id_header = b"x-request-id"
    dialects = frozenset({"openai"})

    def error_body(self, error: OrbitError, request_id: str) -> dict[str, Any]:
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

    def error_event(self, error: OrbitError, request_id: str, endpoint: str, passed: int) -> bytes:
        body = self.error_body(error, request_id)
        if endpoint != "responses":
            return b"data: " + orjson.dumps(body) + b"\n\n"
        # the documented event, and the object that makes SDKs raise
        told = {
            "type": "error",
            "sequence_number": passed,
            "code": error.code.value,
            "message": error.message,
            "param": error.param,
        }
        return b"event: error\ndata: " + orjson.dumps({**told, **body}) + b"\n\n"

    def foreign_error(self, status: int, kind: str, message: str, request_id: str) -> dict[str, Any]:
        told = {
            "message": message,
            "type": TYPES.get(status, "server_error"),
            "param": None,
            "code": kind,
            "orbit": {"request_id": request_id},
        }
        return {"error": told}
