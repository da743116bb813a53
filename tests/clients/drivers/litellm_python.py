"""LiteLLM's SDK, with the prefix of either vendor."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import litellm

from tests.clients.drivers.schemas import FUNCTION, Trip

Told = dict[str, Any]
litellm.suppress_debug_info = True


def ask(asked: Told, **fields: Any) -> Any:
    vendor = asked["library"].removeprefix("litellm-")
    return litellm.completion(
        **{
            "model": f"{vendor}/{asked['model']}",
            "api_base": asked["address"] if vendor == "anthropic" else f"{asked['address']}/v1",
            "api_key": asked["key"],
            "max_tokens": asked["max_tokens"],
            "max_retries": asked["max_retries"],
            "timeout": asked["timeout_s"],
            "messages": [{"role": "user", "content": asked["text"]}],
            **fields,
        }
    )


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
    return told(ask(asked))


def streamed(asked: Told, **fields: Any) -> tuple[Any, int]:
    chunks = list(ask(asked, stream=True, stream_options={"include_usage": True}, **fields))
    pieces = sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks)
    return litellm.stream_chunk_builder(chunks, messages=[{"role": "user", "content": asked["text"]}]), pieces


def stream(asked: Told) -> Told:
    whole, pieces = streamed(asked)
    return {**told(whole), "pieces": pieces}


def tool_trip(asked: Told, say: Callable[..., Any]) -> Told:
    question = {"role": "user", "content": asked["text"]}
    first = say(asked, tools=[FUNCTION], messages=[question])
    message = first.choices[0].message
    results = [
        {"role": "tool", "tool_call_id": one.id, "content": asked["result"]} for one in message.tool_calls
    ]
    second = say(
        asked, tools=[FUNCTION], messages=[question, message.model_dump(exclude_none=True), *results]
    )
    return {**told(second), "calls": told(first)["calls"], "called": told(first)["finish"]}


def tools(asked: Told) -> Told:
    return tool_trip(asked, ask)


def streamed_tools(asked: Told) -> Told:
    return tool_trip(asked, lambda asked, **fields: streamed(asked, **fields)[0])


def structured(asked: Told) -> Told:
    answer = ask(asked, response_format=Trip)
    return {
        **told(answer),
        "object": Trip.model_validate_json(answer.choices[0].message.content).model_dump(),
    }


def image(asked: Told) -> Told:
    content = [
        {"type": "text", "text": asked["text"]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{asked['png']}"}},
    ]
    return told(ask(asked, messages=[{"role": "user", "content": content}]))
