"""Anthropic's client for Python: Messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anthropic import Anthropic

from tests.clients.drivers.schemas import WEATHER, Trip

Told = dict[str, Any]
TOOL = {"name": "get_weather", "description": "Weather at a place", "input_schema": WEATHER}


def client(asked: Told) -> Anthropic:
    return Anthropic(
        base_url=asked["address"],
        api_key=asked["key"],
        max_retries=asked["max_retries"],
        timeout=asked["timeout_s"],
    )


def request(asked: Told, **fields: Any) -> Told:
    return {
        "model": asked["model"],
        "max_tokens": asked["max_tokens"],
        "messages": [{"role": "user", "content": asked["text"]}],
        **fields,
    }


def told(message: Any) -> Told:
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "finish": message.stop_reason,
        "calls": [
            {"name": block.name, "input": block.input}
            for block in message.content
            if block.type == "tool_use"
        ],
        "input_tokens": message.usage.input_tokens,
        "output_tokens": message.usage.output_tokens,
    }


def plain(asked: Told) -> Told:
    return told(client(asked).messages.create(**request(asked)))


def stream(asked: Told) -> Told:
    with client(asked).messages.stream(**request(asked)) as events:
        pieces = len(list(events.text_stream))
        return {**told(events.get_final_message()), "pieces": pieces}


def tool_trip(asked: Told, ask: Callable[[Told], Any]) -> Told:
    first = ask(request(asked, tools=[TOOL]))
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": asked["result"]}
        for block in first.content
        if block.type == "tool_use"
    ]
    messages = [
        {"role": "user", "content": asked["text"]},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    second = ask(request(asked, tools=[TOOL], messages=messages))
    return {**told(second), "calls": told(first)["calls"], "called": told(first)["finish"]}


def tools(asked: Told) -> Told:
    return tool_trip(asked, lambda body: client(asked).messages.create(**body))


def streamed_tools(asked: Told) -> Told:
    def ask(body: Told) -> Any:
        with client(asked).messages.stream(**body) as events:
            return events.get_final_message()

    return tool_trip(asked, ask)


def structured(asked: Told) -> Told:
    message = client(asked).messages.parse(**request(asked), output_format=Trip)
    return {**told(message), "object": message.parsed_output and message.parsed_output.model_dump()}


def image(asked: Told) -> Told:
    content = [
        {"type": "text", "text": asked["text"]},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": asked["png"]}},
    ]
    return told(
        client(asked).messages.create(**request(asked, messages=[{"role": "user", "content": content}]))
    )
