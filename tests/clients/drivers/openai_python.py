"""OpenAI's client for Python: chat completions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from openai import OpenAI

from tests.clients.drivers.schemas import FUNCTION, Trip

Told = dict[str, Any]


def client(asked: Told) -> OpenAI:
    return OpenAI(
        base_url=f"{asked['address']}/v1",
        api_key=asked["key"],
        max_retries=asked["max_retries"],
        timeout=asked["timeout_s"],
    )


def request(asked: Told, **fields: Any) -> Told:
    return {
        "model": asked["model"],
        "max_completion_tokens": asked["max_tokens"],
        "messages": [{"role": "user", "content": asked["text"]}],
        **fields,
    }


def told(answer: Any) -> Told:
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "finish": choice.finish_reason,
        "calls": [
            {"name": one.function.name, "input": json.loads(one.function.arguments)}
            for one in choice.message.tool_calls or []
        ],
        "input_tokens": answer.usage.prompt_tokens,
        "output_tokens": answer.usage.completion_tokens,
    }


def plain(asked: Told) -> Told:
    return told(client(asked).chat.completions.create(**request(asked)))


def stream(asked: Told) -> Told:
    pieces = 0
    with client(asked).chat.completions.stream(
        **request(asked), stream_options={"include_usage": True}
    ) as events:
        for event in events:
            pieces += event.type == "content.delta"
        return {**told(events.get_final_completion()), "pieces": pieces}


def tool_trip(asked: Told, ask: Callable[[Told], Any]) -> Told:
    first = ask(request(asked, tools=[FUNCTION]))
    message = first.choices[0].message
    messages = [
        {"role": "user", "content": asked["text"]},
        message.to_dict(),
        *({"role": "tool", "tool_call_id": one.id, "content": asked["result"]} for one in message.tool_calls),
    ]
    second = ask(request(asked, tools=[FUNCTION], messages=messages))
    return {**told(second), "calls": told(first)["calls"], "called": told(first)["finish"]}


def tools(asked: Told) -> Told:
    return tool_trip(asked, lambda body: client(asked).chat.completions.create(**body))


def streamed_tools(asked: Told) -> Told:
    def ask(body: Told) -> Any:
        options: Any = {"stream_options": {"include_usage": True}}
        with client(asked).chat.completions.stream(**body, **options) as events:
            return events.get_final_completion()

    return tool_trip(asked, ask)


def structured(asked: Told) -> Told:
    answer = client(asked).chat.completions.parse(**request(asked), response_format=Trip)
    parsed = answer.choices[0].message.parsed
    return {**told(answer), "object": parsed and parsed.model_dump()}


def image(asked: Told) -> Told:
    content = [
        {"type": "text", "text": asked["text"]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{asked['png']}"}},
    ]
    body = request(asked, messages=[{"role": "user", "content": content}])
    return told(client(asked).chat.completions.create(**body))
