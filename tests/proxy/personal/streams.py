"""Streams of one text and one tool call in each format, cut as one likes, and what a client makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import orjson

from proxy.personal.answers import Rewriter
from proxy.personal.streams import STREAMS
from proxy.personal.ways import Way
from proxy.sse import Decoder

Event = dict[str, Any]
FORMATS = ("chat/completions", "completions", "messages", "responses")


def cut(text: str | bytes, places: Iterable[int]) -> list[Any]:
    ends = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def events(spoken: str, text: Sequence[str], arguments: Sequence[str]) -> list[Event]:
    return {
        "chat/completions": _chat,
        "completions": _completions,
        "messages": _messages,
        "responses": _responses,
    }[spoken](text, arguments)


def _chat(text: Sequence[str], arguments: Sequence[str]) -> list[Event]:
    def chunk(delta: Event, finish: str | None = None) -> Event:
        return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}  # fmt: skip

    def call(**function: str) -> Event:
        return chunk({"tool_calls": [{"index": 0, "function": function}]})

    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": one}) for one in text),
        call(name="f", arguments=""),
        *(call(arguments=one) for one in arguments),
        chunk({}, "stop"),
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
    ]


def _completions(text: Sequence[str], arguments: Sequence[str]) -> list[Event]:
    made = [
        {"id": "c", "choices": [{"index": 0, "text": one, "logprobs": None, "finish_reason": None}]}
        for one in text
    ]
    return [*made, {"id": "c", "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}]


def _messages(text: Sequence[str], arguments: Sequence[str]) -> list[Event]:
    made: list[Event] = [
        {
            "type": "message_start",
            "message": {"id": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}},
        }
    ]
    blocks: list[tuple[Event, list[Event]]] = [
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": one} for one in text]),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, [{"type": "input_json_delta", "partial_json": one} for one in arguments]),
    ]  # fmt: skip
    for index, (block, deltas) in enumerate(blocks):
        made.append({"type": "content_block_start", "index": index, "content_block": block})
        made += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        made.append({"type": "content_block_stop", "index": index})
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    return [*made, end, {"type": "message_stop"}]


def _responses(text: Sequence[str], arguments: Sequence[str]) -> list[Event]:
    said, given = "".join(text), "".join(arguments)
    part = {"type": "output_text", "text": said, "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "content": [part]}
    call = {"type": "function_call", "id": "t", "name": "f", "arguments": given}
    at, to = {"item_id": "m", "output_index": 0, "content_index": 0}, {"item_id": "t", "output_index": 1}
    made: list[Event] = [
        {"type": "response.created", "response": {"id": "r", "object": "response", "status": "in_progress", "output": []}},
        *({"type": "response.output_text.delta", **at, "delta": one} for one in text),
        {"type": "response.output_text.done", **at, "text": said},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        *({"type": "response.function_call_arguments.delta", **to, "delta": one} for one in arguments),
        {"type": "response.function_call_arguments.done", **to, "arguments": given},
        {"type": "response.output_item.done", "output_index": 1, "item": call},
        {"type": "response.completed", "response": {"id": "r", "object": "response", "status": "completed", "output": [message, call]}},
    ]  # fmt: skip
    return [{**one, "sequence_number": number} for number, one in enumerate(made)]


def written(spoken: str, made: Iterable[Event]) -> bytes:
    def one(event: Event) -> bytes:
        name = f"event: {event['type']}\n".encode() if "type" in event else b""
        return name + b"data: " + orjson.dumps(event) + b"\n\n"

    return b"".join(map(one, made)) + (b"data: [DONE]\n\n" if "completions" in spoken else b"")


def through(way: Way, spoken: str, pieces: Iterable[bytes]) -> bytes:
    rewriter = Rewriter(STREAMS[spoken](way))
    return b"".join([*map(rewriter.feed, pieces), rewriter.feed(b"")])


def read(stream: bytes) -> list[Event]:
    decoder = Decoder()
    found = [data for _, data in [*decoder.feed(stream), *decoder.finish()] if data]
    return [orjson.loads(one) for one in found if one != b"[DONE]"]


def text_of(made: Iterable[Event]) -> str:
    """What a client puts together."""
    found = ""
    for event in made:
        for choice in event.get("choices", ()):
            found += choice.get("text") or choice.get("delta", {}).get("content") or ""
        if event.get("type") == "content_block_delta":
            found += event["delta"].get("text", "")
        if event.get("type") == "response.output_text.delta":
            found += event["delta"]
    return found


def arguments_of(made: Iterable[Event]) -> str:
    found = ""
    for event in made:
        for choice in event.get("choices", ()):
            for call in choice.get("delta", {}).get("tool_calls", ()):
                found += call["function"].get("arguments", "")
        if event.get("type") == "content_block_delta":
            found += event["delta"].get("partial_json", "")
        if event.get("type") == "response.function_call_arguments.delta":
            found += event["delta"]
    return found


def reasons(made: Iterable[Event]) -> list[str]:
    """Why it ended."""
    found = []
    for event in made:
        found += [one["finish_reason"] for one in event.get("choices", ()) if one.get("finish_reason")]
        if event.get("type") == "message_delta":
            found.append(event["delta"]["stop_reason"])
        details = event.get("response", {}).get("incomplete_details") if "response" in event else None
        found += [details["reason"]] if details else []
    return found


def packed(note: str) -> str:
    return json.dumps({"note": note, "number": 12345678901234567890}, ensure_ascii=False)
