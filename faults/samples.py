"""Requests, answers and streams as applications and vendors write them: to be cut, and to be spoilt."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any] | bytes
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def messages_events() -> list[Event]:
    usage = {
        "input_tokens": 12,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
    }
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "thinking_delta", "thinking": "hm €"}, {"type": "signature_delta", "signature": "c2ln"}],
        ),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": one} for one in ("Grüße 😀", "\n\ndata: {}\n\n")]),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
            [{"type": "input_json_delta", "partial_json": one} for one in ('{"a": "ä', '\\u00e4"}')],
        ),
    ]  # fmt: skip
    events: list[Event] = [{"type": "message_start", "message": message}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        events.append({"type": "content_block_stop", "index": index})
    last = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": last, "usage": {"output_tokens": 23}})
    return [*events, {"type": "message_stop"}]


def chat_events() -> list[Event]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "model": "gpt",
            "choices": [choice],
            **more,
        }

    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a": "ä'},
    }
    usage = {
        "prompt_tokens": 16, "completion_tokens": 23, "total_tokens": 39,
        "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    return [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm €"}),
        chunk({"content": "Grüße 😀"}, usage=None),
        chunk({"content": "\n\ndata: [DONE]\n\n"}),
        chunk({"tool_calls": [call]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '\\u00e4"}'}}]}),
        chunk({}, "tool_calls"),
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "model": "gpt",
            "choices": [],
            "usage": usage,
        },
        b"[DONE]",
    ]


def chat_answer() -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}}
    message = {"role": "assistant", "content": "Hello", "refusal": None, "tool_calls": [call]}
    usage = {
        "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 1},
    }  # fmt: skip
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt", "service_tier": "default",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}], "usage": usage,
    }  # fmt: skip


def message_answer() -> dict[str, Any]:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "Hello", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}},
    ]
    usage = {
        "input_tokens": 9, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    }  # fmt: skip
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content,
        "stop_reason": "tool_use", "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def embedding_answer() -> dict[str, Any]:
    listed = [{"object": "embedding", "index": 0, "embedding": [0.1, -0.2]}]
    return {"object": "list", "data": listed, "model": "e", "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def chat_body(model: str, text: str) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}}
    return {
        "model": model, "max_completion_tokens": 20, "user": "somebody", "stop": ["END"], "n": 1,
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "See"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "c"},
            {"role": "user", "content": text},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
        "tool_choice": "auto",
    }  # fmt: skip


def message_body(model: str, text: str) -> dict[str, Any]:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    return {
        "model": model, "max_tokens": 20, "metadata": {"user_id": "somebody"}, "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "Be short."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "See"}, picture]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "c"}]},
            {"role": "assistant", "content": "And?"},
            {"role": "user", "content": text},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}], "tool_choice": {"type": "auto"},
    }  # fmt: skip


def any_body(model: str, text: str) -> dict[str, Any]:
    """For endpoints that take one text, under whatever name."""
    return {"model": model, "input": text, "prompt": text}
