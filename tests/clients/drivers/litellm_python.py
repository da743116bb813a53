"""LiteLLM's SDK: completions, with the prefix of either vendor."""

from __future__ import annotations

from typing import Any

import litellm

from tests.clients.drivers.chat import Told, told, tool_trip, with_picture
from tests.clients.drivers.schemas import Trip

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


def plain(asked: Told) -> Told:
    return told(ask(asked))


def streamed(asked: Told, **fields: Any) -> tuple[Any, int]:
    chunks = list(ask(asked, stream=True, stream_options={"include_usage": True}, **fields))
    pieces = sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks)
    return litellm.stream_chunk_builder(chunks, messages=[{"role": "user", "content": asked["text"]}]), pieces


def stream(asked: Told) -> Told:
    whole, pieces = streamed(asked)
    return {**told(whole), "pieces": pieces}


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
    return told(ask(asked, messages=with_picture(asked)))
