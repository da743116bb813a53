"""LangChain's chat models, for every surface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import BaseTool, tool
from langchain_openai import ChatOpenAI

from tests.clients.drivers.schemas import Trip

Told = dict[str, Any]


def weather(asked: Told) -> BaseTool:
    @tool
    def get_weather(location: str, unit: Literal["fahrenheit", "celsius"]) -> str:
        """Weather at a place."""
        return str(asked["result"])

    return get_weather


def model(asked: Told, **fields: Any) -> Any:
    options = {
        "model": asked["model"],
        "api_key": asked["key"],
        "max_tokens": asked["max_tokens"],
        "max_retries": asked["max_retries"],
        "timeout": asked["timeout_s"],
        **fields,
    }
    if asked["library"] == "langchain-anthropic":
        return ChatAnthropic(base_url=asked["address"], **options)
    return ChatOpenAI(
        base_url=f"{asked['address']}/v1",
        # Of servers other than OpenAI's own, LangChain asks for a stream's usage only when told to.
        stream_usage=True,
        use_responses_api=asked["library"] == "langchain-responses",
        **options,
    )


def told(message: AIMessage) -> Told:
    usage = message.usage_metadata or {}
    about = message.response_metadata
    return {
        "text": message.text,
        "finish": about.get("finish_reason") or about.get("stop_reason") or about.get("status"),
        "calls": [{"name": one["name"], "input": one["args"]} for one in message.tool_calls],
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
    }


def plain(asked: Told) -> Told:
    return told(model(asked).invoke(asked["text"]))


def gathered(chat: Any, messages: Any) -> tuple[Any, int]:
    whole, pieces = None, 0
    for chunk in chat.stream(messages):
        whole = chunk if whole is None else whole + chunk
        pieces += bool(chunk.text)
    return whole, pieces


def stream(asked: Told) -> Told:
    whole, pieces = gathered(model(asked), asked["text"])
    return {**told(whole), "pieces": pieces}


def tool_trip(asked: Told, ask: Callable[[Any, Any], Any], **fields: Any) -> Told:
    get_weather = weather(asked)
    chat = model(asked, **fields).bind_tools([get_weather])
    question = HumanMessage(asked["text"])
    first = ask(chat, [question])
    results = [get_weather.invoke(call) for call in first.tool_calls]
    second = ask(chat, [question, first, *results])
    return {**told(second), "calls": told(first)["calls"], "called": told(first)["finish"]}


def invoked(chat: Any, messages: Any) -> Any:
    return chat.invoke(messages)


def tools(asked: Told) -> Told:
    return tool_trip(asked, invoked)


def streamed_tools(asked: Told) -> Told:
    return tool_trip(asked, lambda chat, messages: gathered(chat, messages)[0])


def by_id(asked: Told) -> Told:
    return tool_trip(asked, invoked, use_previous_response_id=True)


def structured(asked: Told) -> Told:
    chat = model(asked).with_structured_output(Trip, method="json_schema", include_raw=True)
    answer = chat.invoke(asked["text"])
    return {**told(answer["raw"]), "object": answer["parsed"] and answer["parsed"].model_dump()}


def image(asked: Told) -> Told:
    content = [
        {"type": "text", "text": asked["text"]},
        {"type": "image", "base64": asked["png"], "mime_type": "image/png"},
    ]
    return told(model(asked).invoke([HumanMessage(content)]))
