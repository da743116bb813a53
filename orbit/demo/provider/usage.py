"""The usage block, true or odd."""

from typing import Any

_HUGE = 2**63
# orjson writes no larger number.
_LARGEST_IN_JSON = 2**64 - 1


def usage_of(
    kind: str,
    *,
    prompt: int,
    cached: int,
    completion: int,
    reasoning: int,
    embedding: bool = False,
) -> dict[str, Any] | None:
    """What is reported; the oracle charges the true figures whatever this says."""
    match kind:
        case "missing" | "null":
            return None
        case "zero":
            prompt = cached = completion = reasoning = 0
        case "negative":
            prompt, completion = -prompt, -completion
        case "huge":
            prompt, completion = _HUGE, _HUGE
        case "excessive":
            completion *= 10
        case "contradictory":
            cached, reasoning = prompt + 7, completion + 5
    total = prompt + completion
    if kind == "contradictory":
        total = max(0, total - 11)
    total = min(total, _LARGEST_IN_JSON)
    usage: dict[str, Any] = {"prompt_tokens": prompt, "total_tokens": total}
    if not embedding:
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
    return _as_strings(usage) if kind == "string" else usage


def input_output_usage(kind: str, taken: int, made: int) -> dict[str, Any] | None:
    """The totals under the newer names, without details."""
    usage = usage_of(kind, prompt=taken, cached=0, completion=made, reasoning=0)
    if usage is None:
        return None
    return {
        "input_tokens": usage["prompt_tokens"],
        "output_tokens": usage["completion_tokens"],
        "total_tokens": usage["total_tokens"],
    }


def _as_strings(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, int) else value for name, value in usage.items()}
