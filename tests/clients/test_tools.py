"""Tools: offered, called, answered, plain and in pieces."""

from __future__ import annotations

import json
from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletionChunk

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.clients.conftest import Sdk, said
from tests.conftest import Tenant

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather at a place",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string"},
                "unit": {"type": "string", "enum": ["fahrenheit", "celsius"]},
            },
            "required": ["location", "unit"],
        },
    },
}
ASKED = said(text="What is the weather in Rome, in celsius?")
WANTED = {"location": "Rome", "unit": "celsius"}


def test_tool_is_called_and_its_result_is_answered(
    sdk: Sdk, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = sdk.plain(model="gpt-4o", messages=ASKED, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert json.loads(call.function.arguments) == WANTED
    told = [
        *ASKED,
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    final = sdk.plain(model="gpt-4o", messages=told, tools=[WEATHER])
    assert "21 degrees" in (final.choices[0].message.content or "")
    streamed = sdk.stream(model="gpt-4o", messages=told, tools=[WEATHER])
    assert "21 degrees" in "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
    reasons = [event["finish_reason"] for event in agreed(tenant, provider, 3)]
    assert reasons == ["tool_calls", "stop", "stop"]


def test_streamed_tool_call_comes_in_fragments(sdk: Sdk, tenant: Tenant, provider: ProviderHandle) -> None:
    chunks = sdk.stream(model="gpt-4o-mini", messages=ASKED, tools=[WEATHER])
    assert json.loads(arguments_of(chunks)) == WANTED
    assert len(chunks) > 3
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    agreed(tenant, provider)


def arguments_of(chunks: list[ChatCompletionChunk]) -> str:
    found = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    return "".join(call.function.arguments or "" for call in found if call.function)


def test_helper_gathers_a_streamed_tool_call(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    with client.chat.completions.stream(model="gpt-4o-mini", messages=ASKED, tools=[WEATHER]) as stream:
        [call] = stream.get_final_completion().choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments) == WANTED
    agreed(tenant, provider)
