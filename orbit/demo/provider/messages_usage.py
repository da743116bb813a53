"""The usage block of the Messages format, true or odd."""

from typing import Any

from .oracle import Record

_HUGE = 2**63


def usage_of(kind: str, record: Record, *, output: int) -> dict[str, Any] | None:
    """What is reported; the oracle charges the true figures whatever this says."""
    written_5m, written_1h = record.cache_write_5m_tokens, record.cache_write_1h_tokens
    written, read = written_5m + written_1h, record.cached_tokens
    entry = record.prompt_tokens - read - written
    thinking = min(record.reasoning_tokens, output)
    match kind:
        case "missing" | "null":
            return None
        case "zero":
            entry = read = written = written_5m = written_1h = output = thinking = 0
        case "negative":
            entry, output = -entry, -output
        case "huge":
            entry, output = _HUGE, _HUGE
        case "excessive":
            output *= 10
        case "contradictory":
            written_5m, thinking = written + 7, output + 5
    usage: dict[str, Any] = {
        "input_tokens": entry,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written_5m,
            "ephemeral_1h_input_tokens": written_1h,
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
        "service_tier": "standard",
    }
    return _as_strings(usage) if kind == "string" else usage


def _as_strings(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, int) else value for name, value in usage.items()}
