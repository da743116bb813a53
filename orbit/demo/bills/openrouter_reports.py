"""OpenRouter's activity. Its SDK is not among our packages; fields as openrouter 1.3.84 has them, not checked against code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .buckets import BadRequest, Query, grouped, one
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
