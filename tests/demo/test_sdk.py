"""The official OpenAI client, unchanged, against the demo provider."""

import json
import math
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, NotFoundError, OpenAI, RateLimitError
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from orbit.demo.provider.process import ProviderHandle

from .conftest import KEY

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there, how are you?"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather at a place",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string"},
                "unit": {"type": "string", "enum": ["fahrenheit", "celsius"]},
                "days": {"type": "integer", "minimum": 1},
            },
            "required": ["location", "unit", "days"],
        },
    },
}


def test_plain_answer_has_text_and_a_full_usage_block(client: OpenAI, provider: ProviderHandle) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.service_tier == "default"
    assert answer.choices[0].finish_reason == "stop"
    assert len(answer.choices[0].message.content or "") > 40
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details
    assert answer.usage.completion_tokens_details
    assert answer._request_id
    assert provider.request(answer._request_id)["completion_tokens"] == answer.usage.completion_tokens


def test_same_prompt_gives_the_same_text_another_prompt_another(client: OpenAI) -> None:
    def text(content: str) -> str | None:
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": content}]
        return client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content

    assert text("one") == text("one") != text("two")


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_token_limit_is_met_exactly_per_choice(client: OpenAI, field: str) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, n=3, extra_body={field: 7})
    assert [choice.finish_reason for choice in answer.choices] == ["length"] * 3
    assert len({choice.message.content for choice in answer.choices}) == 3
    assert answer.usage
    assert answer.usage.completion_tokens == 21


def test_stream_says_what_the_plain_answer_says(client: OpenAI) -> None:
    plain = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o-mini", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage


def test_stream_without_include_usage_has_none(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, n=2))
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert {chunk.choices[0].index for chunk in chunks} == {0, 1}


def test_tool_call_fits_its_schema_and_its_result_gives_text(client: OpenAI) -> None:
    asked: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "What is the weather in Rome, in celsius?"}
    ]
    answer = client.chat.completions.create(model="gpt-4o", messages=asked, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert json.loads(calls[0].function.arguments) == {"location": "Rome", "unit": "celsius", "days": 1}
    told: list[Any] = [
        *asked,
        {
            "role": "assistant",
            "tool_calls": [
                {"id": calls[0].id, "type": "function", "function": calls[0].function.model_dump()}
            ],
        },
        {"role": "tool", "tool_call_id": calls[0].id, "content": "21 degrees"},
    ]
    final = client.chat.completions.create(model="gpt-4o", messages=told, tools=[WEATHER])
    assert final.choices[0].finish_reason == "stop"
    assert "21 degrees" in (final.choices[0].message.content or "")


def test_streamed_tool_call_names_once_then_fragments(client: OpenAI) -> None:
    with client.chat.completions.stream(model="gpt-4o-mini", messages=HELLO, tools=[WEATHER]) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls
    assert set(json.loads(calls[0].function.arguments)) == {"location", "unit", "days"}


def test_tool_choice_none_answers_text(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=HELLO, tools=[WEATHER], tool_choice="none"
    )
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


class Trip(BaseModel):
    city: str
    nights: int


def test_structured_answer_parses(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model="gpt-4o", messages=HELLO, response_format=Trip)
    assert answer.choices[0].message.parsed


async def test_async_client_streams(provider: ProviderHandle) -> None:
    async with AsyncOpenAI(base_url=provider.base_url, api_key=KEY, max_retries=0) as client:
        plain = await client.chat.completions.create(model="demo-chat", messages=HELLO)
        stream = await client.chat.completions.create(model="demo-chat", messages=HELLO, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == plain.choices[0].message.content


def test_embeddings_are_unit_vectors_in_both_encodings(client: OpenAI) -> None:
    inputs = ["first text", "second text"]
    floats = client.embeddings.create(model="text-embedding-3-small", input=inputs, encoding_format="float")
    default = client.embeddings.create(model="text-embedding-3-small", input=inputs)
    assert [each.embedding for each in floats.data] == [each.embedding for each in default.data]
    assert floats.data[0].embedding != floats.data[1].embedding
    assert len(floats.data[0].embedding) == 1536
    assert math.isclose(math.hypot(*floats.data[0].embedding), 1, rel_tol=1e-4)
    assert floats.usage.total_tokens == floats.usage.prompt_tokens > 0


def test_embeddings_of_tokens_and_of_chosen_width(client: OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-large", input=[[1, 2, 3], [4]], dimensions=256)
    assert [len(each.embedding) for each in answer.data] == [256, 256]
    assert answer.usage.prompt_tokens == 4


def test_models_are_listed_and_found(client: OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert listed >= {
        "gpt-4o-mini",
        "gpt-4o",
        "text-embedding-3-small",
        "text-embedding-3-large",
        "demo-chat",
    }
    assert client.models.retrieve("gpt-4o").object == "model"
    with pytest.raises(NotFoundError):
        client.models.retrieve("gpt-none")


def test_wrong_key_empty_account_and_unknown_model_are_refused_as_by_openai(client: OpenAI) -> None:
    with pytest.raises(AuthenticationError) as wrong:
        client.with_options(api_key="sk-other-key").models.list()
    assert wrong.value.code == "invalid_api_key"
    assert "other" not in str(wrong.value)
    with pytest.raises(RateLimitError) as broke:
        client.with_options(api_key="sk-demo-broke").chat.completions.create(model="gpt-4o", messages=HELLO)
    assert broke.value.type == "insufficient_quota"
    with pytest.raises(NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-none", messages=HELLO)
    assert unknown.value.code == "model_not_found"
