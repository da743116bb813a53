"""The ledger's event of a call, as the worker writes it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from proxy.call import Call
from proxy.context import Principal, Usage
from quotas.rates import Rates

MOST_USAGE_BYTES = 4096
MOST_REASON = 40  # characters of the provider's own word for how an answer ended


def caller(principal: Principal) -> dict[str, Any]:
    """Whom an event is about."""
    return {
        "organization_id": principal.organization.id,
        "organization": principal.organization.slug,
        "project_id": principal.project.id,
        "project": principal.project.slug,
        "key_id": principal.key.id,
        "key": principal.key.name,
    }


def refusal(principal: Principal, model: str | None, blocked: Sequence[tuple[str, str]] = ()) -> bytes:
    """What the count of refusals is kept by. `blocked` are types and places of what a policy refused a request for."""
    found = caller(principal)
    if principal.policy is not None and principal.policy.retention is not None:
        found["retention"] = principal.policy.retention
    if model:
        found["model"] = model
    if blocked:
        found["blocked"] = blocked
    return orjson.dumps(found)


def opening(call: Call, reserved: Mapping[str, int]) -> dict[str, Any]:
    """The event as of the reservation. The reaper writes it as it is, should nobody settle."""
    account, rates, request = call.target.account, call.target.rates, call.request
    key = call.principal.key
    assert call.principal.policy is not None
    detail: dict[str, Any] = {"reserved": dict(reserved), "key_hint": key.hint}
    if key.former_secret:
        detail["former_secret"] = key.former_secret
    if request.route.alias != call.model:
        detail["requested_model"] = request.route.alias
    if request.tags:
        detail["tags"] = dict(request.tags)
    if request.client_ip:
        detail["client_ip"] = request.client_ip
    if request.user_agent:
        detail["user_agent"] = request.user_agent
    if (storing := call.principal.policy.storing) is not None:  # until it is known what there was
        detail["content"] = {"mode": storing.mode, "missing": True}
    if request.inspection is not None and (told := request.inspection.told()):
        detail["dlp"] = told
    opened: dict[str, Any] = {
        "v": 1,
        "event_id": request.name,
        "request_id": request.name,
        "kind": "call",
        **caller(call.principal),
        "account_id": account.id,
        "account": account.name,
        "end_user": call.end_user,
        "surface": request.surface.name,
        "endpoint": call.endpoint,
        "stream": call.stream,
        "model": call.model,
        "upstream_model": call.target.model,
        "status": "lease_expired",
        "usage_source": "lease_expired",
        "input_tokens": reserved["input_tokens"],
        "output_tokens": reserved["output_tokens"],
        "cost_nano": reserved.get("cost_nano"),
        "currency": call.principal.organization.currency,
        "price_version": rates.at(time.time_ns() // 1000).version if rates else None,
        "policy_version": call.principal.policy.version,
        "detail": detail,
    }
    if call.principal.policy.retention is not None:
        opened["retention"] = call.principal.policy.retention
    return opened


def holding(opened: Mapping[str, Any], reserved: Mapping[str, int]) -> dict[str, Any]:
    """The event of the reservation with another amount reserved."""
    return {
        **opened,
        "input_tokens": reserved["input_tokens"],
        "output_tokens": reserved["output_tokens"],
        "cost_nano": reserved["cost_nano"],
        "detail": {**opened["detail"], "reserved": dict(reserved)},
    }


def closing(
    opened: Mapping[str, Any],
    *,
    admitted_us: int,
    status: str,
    code: str | None,
    http_status: int | None,
    usage: Usage,
    usage_source: str,
    cost_nano: int | None,
    rates: Rates | None,
    finish_reason: str | None,
    attempts: Sequence[Mapping[str, Any]],
    duration_ms: int,
    first_token_ms: int | None,
) -> bytes:
    """The event as of the end of the call."""
    detail = {**opened["detail"], "attempts": list(attempts), **_usage_detail(usage, rates)}
    return orjson.dumps(
        {
            **opened,
            "admitted_us": admitted_us,
            "status": status,
            "code": code,
            "http_status": http_status,
            "finish_reason": finish_reason and finish_reason[:MOST_REASON],
            "usage_source": usage_source,
            "input_tokens": usage.input_tokens,
            "cached_input_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning,
            "cost_nano": cost_nano,
            "price_version": rates.version if rates else None,
            "duration_ms": duration_ms,
            "first_token_ms": first_token_ms,
            "detail": detail,
        },
        option=orjson.OPT_NON_STR_KEYS,
    )


def _written(usage: Mapping[str, Any]) -> bytes | None:
    try:
        return orjson.dumps(usage, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return None


def _usage_detail(usage: Usage, rates: Rates | None) -> dict[str, Any]:
    """What the columns have no place for. The provider's own object is its word, and may be of any size."""
    detail: dict[str, Any] = {
        f"{name}_tokens": count for name, count in usage.parts.items() if name != "reasoning"
    }
    detail.update(usage.units)
    if usage.service_tier:
        detail["service_tier"] = usage.service_tier
    if usage.raw:
        raw = _written(usage.raw)
        if raw is None:
            detail["usage_anomaly"] = "a usage object that nests too deep"
        elif len(raw) <= MOST_USAGE_BYTES:
            detail["usage"] = orjson.Fragment(raw)
        else:
            detail["usage_bytes"] = len(raw)
    if usage.anomaly:
        detail["usage_anomaly"] = usage.anomaly
    unpriced = rates.unpriced(usage.units) if rates and usage.units else None
    if unpriced:
        detail["unpriced_units"] = unpriced
    return detail
