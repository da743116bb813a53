"""A Messages answer out of a chat completion: its parts, and the whole of a plain one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.base import Unreadable
from proxy.formats.chat import Chat
from proxy.translation.messages_to_chat.names import message_id
from proxy.translation.messages_to_chat.written import Written

REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "model_length": "max_tokens",
    "tool_calls": "end_turn",  # tool_use if there are calls
    "function_call": "end_turn",
    "content_filter": "refusal",
}
ERROR = "error"  # how some servers end an answer that they could not finish
TIERS = {"default": "standard", "priority": "priority"}

CHAT = Chat()


def choice_of(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first choice: there is never another."""
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (0, None):
            return choice
    return None


def check(reason: Any) -> None:
    if reason == ERROR:
        raise Unreadable("the provider ended its answer with an error")


def stop_of(reason: Any, matched: Any, written: Written) -> dict[str, Any]:
    """Why the answer ended. `matched` is the stop sequence where the server tells it."""
    check(reason)
    called = any(call.ready for call in written.calls)
    stop = REASONS.get(reason, "end_turn") if isinstance(reason, str) else "end_turn"
    sequence = None
    if stop == "end_turn":
        if called:
            stop = "tool_use"
        elif written.refused:
            stop = "refusal"
        elif isinstance(matched, str):
            stop, sequence = "stop_sequence", matched
    return {"stop_reason": stop, "stop_sequence": sequence, "stop_details": None}


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Anthropic counts what was cached beside the input, not in it."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    cached, written = usage.cached or 0, usage.cache_write or 0
    made: dict[str, Any] = {
        "input_tokens": usage.input_tokens - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning is not None:
        made["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return made


def tier_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    tier = answer.get("service_tier")
    return {"service_tier": TIERS[tier]} if isinstance(tier, str) and tier in TIERS else {}


def message_of(
    head: Mapping[str, Any], seed: str, model: str, content: list[dict[str, Any]], usage: dict[str, Any]
) -> dict[str, Any]:
    said = head.get("model")
    return {
        "id": message_id(head.get("id"), seed),
        "type": "message",
        "role": "assistant",
        "model": said if isinstance(said, str) and said else model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage | tier_of(head),
    }


def answer_of(answer: Mapping[str, Any], seed: str, model: str, written: Written) -> dict[str, Any]:
    choice = choice_of(answer)
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        raise Unreadable("an answer without a message")
    written.add(message, whole=True)
    content = [block.whole() for block in written.blocks if block.ready]
    made = message_of(answer, seed, model, content, usage_of(CHAT.usage(answer)))
    return made | stop_of(choice.get("finish_reason"), choice.get("stop_reason"), written)
