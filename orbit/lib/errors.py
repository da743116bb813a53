"""One family of errors: raised deep, rendered at the two edges (DRF and ASGI) in the surface's own shape."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Every code that a client can meet. `docs/errors.md` explains each; a test holds it complete."""

    INVALID_REQUEST = "invalid_request"
    AMBIGUOUS_CREDENTIALS = "ambiguous_credentials"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    REQUEST_EXCEEDS_LIMIT = "request_exceeds_limit"
    CONTENT_BLOCKED = "content_blocked"
    INVALID_API_KEY = "invalid_api_key"
    NO_POLICY = "no_policy"
    ENDPOINT_NOT_ALLOWED = "endpoint_not_allowed"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    SUSPENDED = "suspended"
    MODEL_UNPRICED = "model_unpriced"
    MODEL_NOT_FOUND = "model_not_found"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    RATE_LIMITED = "rate_limited"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    LIMIT_REACHED = "limit_reached"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_CREDENTIALS = "upstream_credentials"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    LIMITER_UNAVAILABLE = "limiter_unavailable"
    CREDENTIALS_UNAVAILABLE = "credentials_unavailable"
    AUDIT_UNAVAILABLE = "audit_unavailable"
    NOT_INSPECTED = "not_inspected"
    AUTH_UNAVAILABLE = "auth_unavailable"
    OBJECTS_UNAVAILABLE = "objects_unavailable"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL_ERROR = "internal_error"


STATUS: dict[Code, int] = {
    Code.INVALID_REQUEST: 400,
    Code.AMBIGUOUS_CREDENTIALS: 400,
    Code.CONTEXT_LENGTH_EXCEEDED: 400,
    Code.REQUEST_EXCEEDS_LIMIT: 400,
    Code.CONTENT_BLOCKED: 400,
    Code.INVALID_API_KEY: 401,
    Code.NO_POLICY: 403,
    Code.ENDPOINT_NOT_ALLOWED: 403,
    Code.ADDRESS_NOT_ALLOWED: 403,
    Code.SUSPENDED: 403,
    Code.MODEL_UNPRICED: 403,
    Code.MODEL_NOT_FOUND: 404,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.BODY_TOO_LARGE: 413,
    Code.UNSUPPORTED_ENCODING: 415,
    Code.RATE_LIMITED: 429,
    Code.INSUFFICIENT_QUOTA: 429,
    Code.LIMIT_REACHED: 429,
    Code.UPSTREAM_ERROR: 502,
    Code.UPSTREAM_CREDENTIALS: 502,
    Code.UPSTREAM_TIMEOUT: 504,
    Code.LIMITER_UNAVAILABLE: 503,
    Code.CREDENTIALS_UNAVAILABLE: 503,
    Code.AUDIT_UNAVAILABLE: 503,
    Code.NOT_INSPECTED: 503,
    Code.AUTH_UNAVAILABLE: 503,
    Code.OBJECTS_UNAVAILABLE: 503,
    Code.OVERLOADED: 503,
    Code.SHUTTING_DOWN: 503,
    Code.INTERNAL_ERROR: 500,
}


class OrbitError(Exception):
    """An answer to the client. `message` is safe to show; `data` carries a refusal's figures."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        param: str | None = None,
        data: dict[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.param = param
        self.data = data or {}
        self.retry_after_s = retry_after_s


class InputError(ValueError):
    """Bad input of an operator or a page: which field, what is wrong, what to do instead."""

    def __init__(self, path: str, message: str, suggestion: str = "") -> None:
        super().__init__(f"{path}: {message}" + (f" {suggestion}" if suggestion else ""))
        self.path = path
        self.message = message
        self.suggestion = suggestion
