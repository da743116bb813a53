"""Errors in OpenAI's shape."""

from typing import Any

import orjson

_BY_STATUS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request was not understood."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_balance", None, "Insufficient balance."),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Region not supported.",
    ),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you cannot use it.",
    ),
    408: ("timeout", None, "The request timed out."),
    409: ("conflict_error", None, "The resource was changed by another request."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: (
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached. Please try again in 1s.",
    ),
    500: (
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    502: ("server_error", None, "Bad gateway."),
    503: (
        "server_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try later.",
    ),
    504: ("server_error", None, "Gateway timeout."),
}


class Refusal(Exception):
    """An answer given before any work was done; it costs nothing."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {
            "message": message,
            "type": kind,
            "param": param,
            "code": code,
        }

    def body(self) -> bytes:
        return orjson.dumps({"error": self.error}, option=orjson.OPT_INDENT_2)


def refusal_of_status(status: int, code: str | None = None) -> Refusal:
    """The error that OpenAI would most likely send with this status."""
    default = ("server_error", None, "The server had an error.")
    kind, usual_code, message = _BY_STATUS.get(status, default)
    if code == "insufficient_quota":
        kind, message = (
            code,
            "You exceeded your current quota, please check your plan and billing details.",
        )
    return Refusal(status, message, kind=kind, code=code or usual_code)


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    return Refusal(400, message, param=param, code=code)
