"""Chat completions, for those libraries that take and give them as OpenAI does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.clients.drivers.schemas import FUNCTION

Told = dict[str, Any]
Ask = Callable[..., Any]


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


def tool_trip(asked: Told, ask: Ask) -> Told:
    first = ask(asked, tools=[FUNCTION])
    message = first.choices[0].message
    messages = [
        {"role": "user", "content": asked["text"]},
        message.model_dump(exclude_none=True),
        *({"role": "tool", "tool_call_id": one.id, "content": asked["result"]} for one in message.tool_calls),
    ]
    second = ask(asked, tools=[FUNCTION], messages=messages)
    return {**told(second), "calls": told(first)["calls"], "called": told(first)["finish"]}


def with_picture(asked: Told) -> list[Told]:
    content = [
        {"type": "text", "text": asked["text"]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{asked['png']}"}},
    ]
    return [{"role": "user", "content": content}]
