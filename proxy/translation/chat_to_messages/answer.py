"""A plain answer of Anthropic's as a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Unreadable
from proxy.translation.chat_to_messages.blocks import (
    citation,
    completion_id,
    finish_reason,
    model_name,
    objects,
    refusal,
    thought,
    tier,
    usage_of,
    written,
)


def completion(answer: Mapping[str, Any], *, model: str, older: bool, created: int) -> dict[str, Any]:
    content = answer.get("content")
    if not isinstance(content, list):
        raise Unreadable("an answer without content")
    found = answer.get("usage")
    usage = found if isinstance(found, dict) else {}
    message = _message([block for block in content if isinstance(block, dict)], older)
    message["refusal"] = refusal(answer.get("stop_details"))
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(answer.get("stop_reason"), older),
    }
    made: dict[str, Any] = {
        "id": completion_id(answer.get("id")),
        "object": "chat.completion",
        "created": created,
        "model": model_name(answer.get("model"), model),
        "choices": [choice],
    }
    if (served := tier(usage)) is not None:
        made["service_tier"] = served
    if (counted := usage_of(usage)) is not None:
        made["usage"] = counted
    return made


def _message(blocks: list[dict[str, Any]], older: bool) -> dict[str, Any]:
    texts: list[str] = []
    lists: dict[str, list[Any]] = {}  # the fields that are there only when something is in them
    reasoning: list[str] = []
    end = 0
    for block in blocks:
        kind = block.get("type")
        if kind == "text" and isinstance(text := block.get("text"), str):
            start, end = end, end + len(text)
            texts.append(text)
            for one in objects(block.get("citations")):
                written(one)  # what is passed on as it is must be fit for it
                field, cited = citation(one, start, end)
                lists.setdefault(field, []).append(cited)
        elif kind in ("thinking", "redacted_thinking"):
            if kind == "thinking" and isinstance(text := block.get("thinking"), str):
                reasoning.append(text)
            if (kept := thought(block)) is not None:
                lists.setdefault("thinking_blocks", []).append(kept)
        elif kind == "tool_use" and isinstance(block.get("name"), str):
            calls = lists.setdefault("tool_calls", [])
            calls.append(_call(block, len(calls)))
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if any(reasoning):
        message["reasoning_content"] = "".join(reasoning)
    message |= lists
    if older and (calls := message.pop("tool_calls", [])):
        message["function_call"] = calls[0]["function"]
    return message


def _call(block: Mapping[str, Any], place: int) -> dict[str, Any]:
    name = block.get("id")
    return {
        "id": name if isinstance(name, str) and name else f"call_{place}",
        "type": "function",
        "function": {"name": block["name"], "arguments": written(block.get("input") or {})},
    }
