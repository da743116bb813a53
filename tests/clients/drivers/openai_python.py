"""OpenAI's client for Python: chat completions."""

from __future__ import annotations

from typing import Any

from openai import OpenAI

from tests.clients.drivers.chat import Told, told, tool_trip, with_picture
from tests.clients.drivers.schemas import Trip


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


def ask(asked: Told, **fields: Any) -> Any:
    return client(asked).chat.completions.create(**request(asked, **fields))


def plain(asked: Told) -> Told:
    return told(ask(asked))


def streamed(asked: Told, **fields: Any) -> tuple[Any, int]:
    body = request(asked, stream_options={"include_usage": True}, **fields)
    with client(asked).chat.completions.stream(**body) as events:
        pieces = sum(event.type == "content.delta" for event in events)
        return events.get_final_completion(), pieces


def stream(asked: Told) -> Told:
    whole, pieces = streamed(asked)
    return {**told(whole), "pieces": pieces}


def tools(asked: Told) -> Told:
    return tool_trip(asked, ask)


def streamed_tools(asked: Told) -> Told:
    return tool_trip(asked, lambda asked, **fields: streamed(asked, **fields)[0])


def structured(asked: Told) -> Told:
    answer = client(asked).chat.completions.parse(**request(asked), response_format=Trip)
    parsed = answer.choices[0].message.parsed
    return {**told(answer), "object": parsed and parsed.model_dump()}


def image(asked: Told) -> Told:
    return told(ask(asked, messages=with_picture(asked)))
