"""OpenAI's Responses, for those libraries that take and give them as OpenAI does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.clients.drivers.schemas import FUNCTION

Told = dict[str, Any]
Ask = Callable[..., Any]
TOOL = {"type": "function", **FUNCTION["function"], "strict": False}


def told(response: Any) -> Told:
    return {
        "text": response.output_text,
        "finish": response.status,
        "calls": [{"name": one.name, "input": json.loads(one.arguments)} for one in calls_in(response)],
        "input_tokens": response.usage.input_tokens,
        "output_tokens": response.usage.output_tokens,
    }


def calls_in(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


def tool_trip(asked: Told, ask: Ask) -> Told:
    first = ask(asked, tools=[TOOL])
    question = {"role": "user", "content": asked["text"]}
    second = ask(asked, tools=[TOOL], input=[question, *first.output, *results(asked, first)])
    return trip_told(first, second)


def trip_by_id(asked: Told, ask: Ask) -> Told:
    """The same, where the provider remembers what was said."""
    first = ask(asked, tools=[TOOL])
    second = ask(asked, tools=[TOOL], input=results(asked, first), previous_response_id=first.id)
    return trip_told(first, second)


def results(asked: Told, response: Any) -> list[Told]:
    return [
        {"type": "function_call_output", "call_id": one.call_id, "output": asked["result"]}
        for one in calls_in(response)
    ]


def trip_told(first: Any, second: Any) -> Told:
    return {**told(second), "calls": told(first)["calls"], "called": told(first)["finish"]}


def with_picture(asked: Told) -> list[Told]:
    content = [
        {"type": "input_text", "text": asked["text"]},
        {"type": "input_image", "image_url": f"data:image/png;base64,{asked['png']}", "detail": "auto"},
    ]
    return [{"role": "user", "content": content}]
