"""What plain answers and streams share: names, figures and citations of Anthropic's, in the words of chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from proxy.formats.base import encoded

FINISHED = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
TIERS = {"standard": "default", "priority": "priority"}
LONGEST_NAME = 256  # of what is repeated in every chunk
MOST = 2**40  # a figure beyond is no figure


def finish_reason(stop_reason: Any, older: bool) -> str:
    """`older`: in the form of functions, which a client used before there were tools."""
    reason = FINISHED.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"
    return "function_call" if older and reason == "tool_calls" else reason


def completion_id(message_id: Any) -> str:
    named = message_id if isinstance(message_id, str) and message_id else uuid4().hex
    return f"chatcmpl-{named[:LONGEST_NAME].removeprefix('msg_')}"


def model_name(found: Any, asked: str) -> str:
    return found[:LONGEST_NAME] if isinstance(found, str) and found else asked


def refusal(details: Any) -> str | None:
    """Why the model refused, where it is told."""
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) and explanation else None


def tier(usage: Mapping[str, Any]) -> str | None:
    found = usage.get("service_tier")
    return TIERS.get(found) if isinstance(found, str) else None


def usage_of(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Anthropic's exclusive counts as inclusive ones. None when they make no sense."""
    fresh, made = _count(found, "input_tokens"), _count(found, "output_tokens")
    if fresh is None or made is None:
        return None
    cached = _count(found, "cache_read_input_tokens") or 0
    written = _count(found, "cache_creation_input_tokens")
    if written is None:
        lifetimes = _object(found.get("cache_creation"))
        written = sum(_count(lifetimes, name) or 0 for name in lifetimes)
    given = fresh + cached + written
    usage: dict[str, Any] = {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }
    thought = _count(_object(found.get("output_tokens_details")), "thinking_tokens")
    if thought is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    return usage


def objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(found: Mapping[str, Any], name: str) -> int | None:
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST else None


def citation(found: Mapping[str, Any], start: int, end: int) -> tuple[str, dict[str, Any]]:
    """A citation of the text from `start` to `end`, and the field of the message that it goes to.

    One of the web is what chat completions know; one of a document stays as it is, in a field of our own.
    """
    kind, title = found.get("type"), found.get("title")
    url = found.get(
        {"web_search_result_location": "url", "search_result_location": "source"}.get(str(kind), "")
    )
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        cited = {
            "start_index": start,
            "end_index": end,
            "title": title if isinstance(title, str) else "",
            "url": url,
        }
        return "annotations", {"type": "url_citation", "url_citation": cited}
    return "citations", {"start_index": start, "end_index": end, "citation": dict(found)}


def thought(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """A block of thinking as the next request must bring it back; None for one that no request may."""
    signature, data = block.get("signature"), block.get("data")
    if block.get("type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": data} if isinstance(data, str) and data else None
    if not isinstance(signature, str) or not signature:
        return None
    thinking = block.get("thinking")
    return {
        "type": "thinking",
        "thinking": thinking if isinstance(thinking, str) else "",
        "signature": signature,
    }


def written(value: Any) -> str:
    """JSON as a text."""
    return encoded(value).decode()
