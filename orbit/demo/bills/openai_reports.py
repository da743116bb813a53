"""OpenAI's usage of completions and embeddings, and costs. Shapes as the models of openai 3.54 have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .buckets import WIDTHS, BadRequest, Query, by_start, grouped, limit, one, page
from .scenario import PARTS, Counted, Scenario

COMPONENTS = {
    "fresh": "input",
    "cached": "cached input",
    "write_5m": "cache write input",
    "write_1h": "cache write input",
    "output": "output",
}
GROUPS = {"model", "api_key_id", "project_id", "user_id", "batch", "service_tier"}


def usage(scenario: Scenario, query: Query) -> dict[str, Any]:
    width = one(query, "bucket_width", "1d")
    if width not in WIDTHS:
        raise BadRequest("bucket_width must be 1m, 1h or 1d")
    names = query.get("group_by[]", [])
    if set(names) - GROUPS:
        raise BadRequest("group_by has an unknown value")
    since = int(one(query, "start_time"))
    until = int(one(query, "end_time", str(scenario.now)))
    starts, following = page(since, until, WIDTHS[width], limit(query, width), query.get("page", [None])[0])
    calls = by_start(_wanted(scenario, query, since, until), WIDTHS[width])
    return _page(starts, WIDTHS[width], following, lambda start: _results(calls.get(start, []), names))


def empty(scenario: Scenario, query: Query) -> dict[str, Any]:
    """A report of something that nobody used."""
    since, until = int(one(query, "start_time")), int(one(query, "end_time", str(scenario.now)))
    width = WIDTHS[one(query, "bucket_width", "1d")]
    starts, following = page(
        since, until, width, limit(query, one(query, "bucket_width", "1d")), query.get("page", [None])[0]
    )
    return _page(starts, width, following, lambda start: [])


def costs(scenario: Scenario, query: Query) -> dict[str, Any]:
    if one(query, "bucket_width", "1d") != "1d":
        raise BadRequest("bucket_width must be 1d")
    names = query.get("group_by[]", [])
    since = int(one(query, "start_time"))
    until = int(one(query, "end_time", str(scenario.now)))
    most = limit(query, "1d", (7, 180))
    starts, following = page(since, until, 86_400, most, query.get("page", [None])[0])
    calls = by_start(_wanted(scenario, query, since, until), 86_400)
    return _page(
        starts, 86_400, following, lambda start: _cost_results(scenario, start, calls.get(start, []), names)
    )


def _wanted(scenario: Scenario, query: Query, since: int, until: int) -> list[Counted]:
    def narrowed(name: str, value: str | None) -> bool:
        return name not in query or value in query[name]

    return [
        call
        for call in scenario.between(since, until)
        if narrowed("models[]", call.model)
        and narrowed("project_ids[]", call.scope)
        and narrowed("api_key_ids[]", call.key)
    ]


def _page(starts: Sequence[int], width: int, following: str | None, results: Any) -> dict[str, Any]:
    return {
        "object": "page",
        "data": [
            {"object": "bucket", "start_time": start, "end_time": start + width, "results": results(start)}
            for start in starts
        ],
        "has_more": following is not None,
        "next_page": following,
    }


def _of(call: Counted, name: str) -> Any:
    return {"model": call.model, "api_key_id": call.key, "project_id": call.scope, "batch": call.batch}.get(
        name
    )


def _results(calls: Sequence[Counted], names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        _result(some, dict(zip(names, group, strict=True)))
        for group, some in grouped(calls, names, _of).items()
    ]


def _result(calls: Sequence[Counted], group: dict[str, Any]) -> dict[str, Any]:
    fresh, cached, short, longer, output = (sum(call.of(part) for call in calls) for part in PARTS)
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": fresh + cached + short + longer,
        "input_uncached_tokens": fresh,
        "input_cached_tokens": cached,
        "input_cache_write_tokens": short + longer,
        "input_cache_write_30m_tokens": short,
        "input_cache_write_12h_tokens": longer,
        "input_text_tokens": fresh,
        "input_audio_tokens": 0,
        "input_image_tokens": 0,
        "input_cached_text_tokens": cached,
        "input_cached_audio_tokens": 0,
        "input_cached_image_tokens": 0,
        "output_tokens": output,
        "output_text_tokens": output,
        "output_audio_tokens": 0,
        "output_image_tokens": 0,
        "num_model_requests": len(calls),
        "project_id": group.get("project_id"),
        "user_id": None,
        "api_key_id": group.get("api_key_id"),
        "model": group.get("model"),
        "batch": group.get("batch"),
        "service_tier": None,
        "api_source": None,
    }


def _cost_results(
    scenario: Scenario, day: int, calls: Sequence[Counted], names: Sequence[str]
) -> list[dict[str, Any]]:
    lines = []
    for (model, key, scope), some in grouped(calls, ("model", "api_key_id", "project_id"), _of).items():
        for part in PARTS:
            amount, tokens = scenario.cost(some, day, model, part)
            if tokens:
                lines.append((f"{model}, {COMPONENTS[part]}", key, scope, amount, tokens))
    return [
        {
            "object": "organization.costs.result",
            "amount": {"value": float(amount), "currency": "usd"},
            "line_item": label if "line_item" in names else None,
            "quantity": tokens if "line_item" in names else None,
            "quantity_unit": "tokens" if "line_item" in names else None,
            "project_id": scope if "project_id" in names else None,
            "api_key_id": key if "api_key_id" in names else None,
            "user_id": None,
            "api_source": None,
        }
        for label, key, scope, amount, tokens in lines
    ]
