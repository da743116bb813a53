"""Anthropic's usage report of messages and its cost report.

The SDK (anthropic 2.14) has no models of these two; shapes as the vendor's Admin API reference has them, which tests could not
check against code: https://docs.anthropic.com/en/api/admin-api/usage-cost/get-messages-usage-report and …/get-cost-report.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .buckets import WIDTHS, BadRequest, Query, by_start, grouped, limit, one, page
from .scenario import PARTS, Counted, Scenario

TYPES = {
    "fresh": ("uncached_input_tokens", "Input Tokens"),
    "cached": ("cache_read_input_tokens", "Input Tokens, Cache Read"),
    "write_5m": ("cache_creation.ephemeral_5m_input_tokens", "Input Tokens, Cache Write 5m"),
    "write_1h": ("cache_creation.ephemeral_1h_input_tokens", "Input Tokens, Cache Write 1h"),
    "output": ("output_tokens", "Output Tokens"),
}
GROUPS = {"model", "api_key_id", "workspace_id", "service_tier", "context_window", "inference_geo"}
PLACES = Decimal("0.00001")  # of a cent


def usage(scenario: Scenario, query: Query) -> dict[str, Any]:
    width = one(query, "bucket_width", "1d")
    if width not in WIDTHS:
        raise BadRequest("bucket_width must be 1m, 1h or 1d")
    names = query.get("group_by[]", [])
    if set(names) - GROUPS:
        raise BadRequest("group_by has an unknown value")
    since, until = _span(scenario, query)
    starts, following = page(since, until, WIDTHS[width], limit(query, width), query.get("page", [None])[0])
    calls = by_start(_wanted(scenario, query, since, until), WIDTHS[width])
    return _page(starts, WIDTHS[width], following, lambda start: _results(calls.get(start, []), names))


def costs(scenario: Scenario, query: Query) -> dict[str, Any]:
    if one(query, "bucket_width", "1d") != "1d":
        raise BadRequest("bucket_width must be 1d")
    names = query.get("group_by[]", [])
    since, until = _span(scenario, query)
    starts, following = page(since, until, 86_400, limit(query, "1d"), query.get("page", [None])[0])
    calls = by_start(scenario.between(since, until), 86_400)
    return _page(
        starts, 86_400, following, lambda start: _cost_results(scenario, start, calls.get(start, []), names)
    )


def _span(scenario: Scenario, query: Query) -> tuple[int, int]:
    def moment(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp())

    return moment(one(query, "starting_at")), moment(one(query, "ending_at", _text(scenario.now)))


def _text(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _wanted(scenario: Scenario, query: Query, since: int, until: int) -> list[Counted]:
    def narrowed(name: str, value: str | None) -> bool:
        return name not in query or value in query[name]

    return [
        call
        for call in scenario.between(since, until)
        if narrowed("models[]", call.model)
        and narrowed("workspace_ids[]", call.scope)
        and narrowed("api_key_ids[]", call.key)
    ]


def _page(starts: Sequence[int], width: int, following: str | None, results: Any) -> dict[str, Any]:
    return {
        "data": [
            {"starting_at": _text(start), "ending_at": _text(start + width), "results": results(start)}
            for start in starts
        ],
        "has_more": following is not None,
        "next_page": following,
    }


def _of(call: Counted, name: str) -> Any:
    tier = "batch" if call.batch else "standard"
    return {
        "model": call.model,
        "api_key_id": call.key,
        "workspace_id": call.scope,
        "service_tier": tier,
    }.get(name)


def _results(calls: Sequence[Counted], names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        _result(some, dict(zip(names, group, strict=True)))
        for group, some in grouped(calls, names, _of).items()
    ]


def _result(calls: Sequence[Counted], group: dict[str, Any]) -> dict[str, Any]:
    fresh, cached, short, longer, output = (sum(call.of(part) for call in calls) for part in PARTS)
    return {
        "uncached_input_tokens": fresh,
        "cache_creation": {"ephemeral_1h_input_tokens": longer, "ephemeral_5m_input_tokens": short},
        "cache_read_input_tokens": cached,
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": 0},
        "api_key_id": group.get("api_key_id"),
        "workspace_id": group.get("workspace_id"),
        "model": group.get("model"),
        "service_tier": group.get("service_tier"),
        "context_window": group.get("context_window"),
    }


def _cost_results(
    scenario: Scenario, day: int, calls: Sequence[Counted], names: Sequence[str]
) -> list[dict[str, Any]]:
    made = []
    for (model, scope), some in grouped(calls, ("model", "workspace_id"), _of).items():
        for part in PARTS:
            amount, tokens = scenario.cost(some, day, model, part)
            if tokens:
                made.append(_cost(model, scope, part, amount * 100, names))
    return made


def _cost(model: str, scope: str | None, part: str, cents: Decimal, names: Sequence[str]) -> dict[str, Any]:
    kind, words = TYPES[part]
    told = "description" in names
    return {
        "currency": "USD",
        "amount": f"{cents.quantize(PLACES):f}",
        "workspace_id": scope if "workspace_id" in names else None,
        "description": f"{model} Usage - {words}" if told else None,
        "cost_type": "tokens" if told else None,
        "context_window": "0-200k" if told else None,
        "model": model if told else None,
        "service_tier": "standard" if told else None,
        "token_type": kind if told else None,
    }
