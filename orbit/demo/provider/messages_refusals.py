"""Errors in Anthropic's shape."""

from typing import Any

import orjson

from .refusals import Refusal

_BY_STATUS = {
    400: ("invalid_request_error", "The request was not understood."),
    401: ("authentication_error", "invalid x-api-key"),
    402: (
        "billing_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    ),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    409: ("conflict_error", "The resource was changed by another request."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_MESSAGES = dict(_BY_STATUS.values()) | {"api_error": "Internal server error"}
_OUT_OF_MONEY = "You have reached your specified API usage limits. They will be lifted next month."
# What cannot succeed on a second try, though its status usually can.
_FINAL_CODES = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
_RETRIED_STATUSES = frozenset({408, 409, 429})


def invalid(message: str) -> Refusal:
    return Refusal(400, message)


def unknown_field(path: str) -> Refusal:
    return invalid(f"{path}: Extra inputs are not permitted")


def refuse_extra(fields: dict[str, Any], known: frozenset[str], path: str = "") -> None:
    for name in fields:
        if name not in known:
            raise unknown_field(f"{path}{name}")


def refusal_of_status(status: int, code: str | None = None, message: str = "") -> Refusal:
    """The error that Anthropic would most likely send with this status; `code` goes into its details."""
    _, usual = _BY_STATUS.get(status, ("", "The request failed."))
    if code in _FINAL_CODES:
        usual = _OUT_OF_MONEY
    return Refusal(status, message or usual, code=code)


def error_body(refusal: Refusal, request_id: str) -> bytes:
    usual = "api_error" if refusal.status >= 500 else "invalid_request_error"
    kind, _ = _BY_STATUS.get(refusal.status, (usual, ""))
    return error_json(kind, refusal.error["message"], refusal.error["code"], request_id)


def error_after_start(code: str, request_id: str) -> bytes:
    """What an `error` event says: overloaded unless `code` is another type, or a code for the details."""
    if code in _MESSAGES:
        return error_json(code, _MESSAGES[code], None, request_id)
    return error_json("overloaded_error", "Overloaded", code or None, request_id)


def error_json(kind: str, message: str, code: str | None, request_id: str) -> bytes:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def retry_advice(refusal: Refusal) -> dict[str, str]:
    final = refusal.error["code"] in _FINAL_CODES
    again = (refusal.status in _RETRIED_STATUSES or refusal.status >= 500) and not final
    return {"x-should-retry": "true" if again else "false"}
