"""OpenRouter's activity, and its records of single calls. Its SDK is not among our packages; fields as openrouter 1.3.84 has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .buckets import BadRequest, NotFound, Query, grouped, one
from .scenario import PARTS, Scenario


def activity(scenario: Scenario, query: Query) -> dict[str, Any]:
    """Of one completed day of the last thirty."""
    day = int(datetime.fromisoformat(one(query, "date")).replace(tzinfo=UTC).timestamp())
    if not scenario.now - 31 * 86_400 <= day < scenario.now // 86_400 * 86_400:
        raise BadRequest("date must be one of the last 30 completed days (UTC)")
    calls = list(scenario.between(day, day + 86_400))
    rows = []
    for (model, scope), some in grouped(calls, ("model", "scope"), getattr).items():
        fresh, cached, short, longer, output = (sum(call.of(part) for call in some) for part in PARTS)
        usage = sum(scenario.cost(some, day, model, part)[0] for part in PARTS)
        rows.append(
            {
                "date": one(query, "date"),
                "model": model,
                "model_permaslug": model,
                "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
                "provider_name": "Somebody",
                "usage": float(usage),
                "byok_usage_inference": 0,
                "requests": len(some),
                "prompt_tokens": fresh + cached + short + longer,
                "completion_tokens": output,
                "reasoning_tokens": 0,
                "cached_tokens": cached,
                "workspace_id": scope,
            }
        )
    return {"data": rows}


def generation(scenario: Scenario, query: Query) -> dict[str, Any]:
    """One call by the id of its answer: https://openrouter.ai/docs/api/api-reference/generations/get-generation."""
    call = scenario.by_name.get(one(query, "id"))
    if call is None:
        raise NotFound(f"Generation {one(query, 'id')} not found")
    fresh, cached, short, longer, output = (call.of(part) for part in PARTS)
    dollars = float(sum(scenario.cost([call], call.day, call.model, part)[0] for part in PARTS))
    given = fresh + cached + short + longer
    return {
        "data": {
            "id": call.name,
            "upstream_id": f"chatcmpl-{call.name}",
            "total_cost": dollars,
            "usage": dollars,
            "cache_discount": None,
            "upstream_inference_cost": 0,
            "created_at": datetime.fromtimestamp(call.at, UTC).isoformat(timespec="milliseconds"),
            "model": call.model,
            "app_id": None,
            "streamed": True,
            "cancelled": False,
            "provider_name": "Somebody",
            "latency": 420,
            "moderation_latency": None,
            "generation_time": 1_200,
            "finish_reason": "stop",
            "native_finish_reason": "stop",
            "tokens_prompt": round(given * 0.9),  # by another tokenizer than what is charged
            "tokens_completion": round(output * 0.9),
            "native_tokens_prompt": given,
            "native_tokens_completion": output,
            "native_tokens_completion_images": None,
            "native_tokens_reasoning": 0,
            "native_tokens_cached": cached,
            "num_media_prompt": None,
            "num_input_audio_prompt": None,
            "num_media_completion": None,
            "num_search_results": None,
            "num_fetches": None,
            "origin": "",
            "is_byok": False,
            "external_user": None,
            "api_type": "completions",
            "router": None,
            "provider_responses": None,
            "http_referer": None,
            "preset_id": None,
            "request_id": None,
            "response_cache_source_id": None,
            "service_tier": None,
            "session_id": None,
            "user_agent": None,
            "web_search_engine": None,
            "data_region": "global",
            "workspace_id": call.scope,
        }
    }
