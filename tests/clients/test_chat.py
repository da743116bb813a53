"""Chat completions through the official client, and what the books say afterwards."""

from __future__ import annotations

from openai import OpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.clients.conftest import Sdk, said
from tests.conftest import Tenant


def text_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index
    )


def test_plain_answer_is_the_providers_own(sdk: Sdk, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = sdk.plain(model="gpt-4o-mini", messages=said("tokens=12", "reasoning=3"), max_tokens=100)
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    assert answer.usage
    [event] = agreed(tenant, provider)
    assert (event["input_tokens"], event["output_tokens"]) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    assert event["reasoning_tokens"] == 3
    assert event["finish_reason"] == "stop"
    assert event["cost_nano"] > 0


def test_stream_says_what_the_plain_answer_says(sdk: Sdk, tenant: Tenant, provider: ProviderHandle) -> None:
    asked = said("tokens=30")
    plain = sdk.plain(model="gpt-4o", messages=asked)
    chunks = sdk.stream(model="gpt-4o", messages=asked)
    assert text_of(chunks) == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    first, second = agreed(tenant, provider, 2)
    assert (first["stream"], second["stream"]) == (False, True)
    assert first["cost_nano"] == second["cost_nano"]
    assert second["first_token_ms"] >= 0


def test_several_choices_are_all_charged(sdk: Sdk, tenant: Tenant, provider: ProviderHandle) -> None:
    plain = sdk.plain(model="gpt-4o-mini", messages=said("tokens=6"), n=2)
    chunks = sdk.stream(model="gpt-4o-mini", messages=said("tokens=6"), n=2)
    assert [choice.index for choice in plain.choices] == [0, 1]
    assert text_of(chunks, 0) == plain.choices[0].message.content != text_of(chunks, 1)
    assert [event["output_tokens"] for event in agreed(tenant, provider, 2)] == [12, 12]


def test_usage_is_in_the_stream_when_it_is_asked_for(
    sdk: Sdk, tenant: Tenant, provider: ProviderHandle
) -> None:
    chunks = sdk.stream(
        model="gpt-4o-mini", messages=said("tokens=5"), stream_options={"include_usage": True}
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])
    [event] = agreed(tenant, provider)
    assert event["output_tokens"] == chunks[-1].usage.completion_tokens == 5


def test_usage_is_not_in_the_stream_when_it_is_not_asked_for(
    sdk: Sdk, tenant: Tenant, provider: ProviderHandle
) -> None:
    """Although the gateway asks the provider for it, in every case."""
    for options in (
        {},
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_obfuscation": False}},
    ):
        chunks = sdk.stream(model="gpt-4o-mini", messages=said("tokens=5"), **options)
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert [event["output_tokens"] for event in agreed(tenant, provider, 3)] == [5, 5, 5]


def test_token_limit_of_the_request_is_met(sdk: Sdk, tenant: Tenant, provider: ProviderHandle) -> None:
    assert sdk.plain(model="gpt-4o-mini", messages=said(), max_tokens=7).choices[0].finish_reason == "length"
    chunks = sdk.stream(model="gpt-4o-mini", messages=said(), max_completion_tokens=7)
    assert chunks[-1].choices[0].finish_reason == "length"
    for event in agreed(tenant, provider, 2):
        assert (event["output_tokens"], event["finish_reason"]) == (7, "length")


def test_prompt_read_from_the_providers_cache_costs_less(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    client.chat.completions.create(
        model="gpt-4o",
        messages=said("tokens=2", "prompt_tokens=2000", "cached=1500", text="word " * 2000),
    )
    [event] = agreed(tenant, provider)
    assert (event["input_tokens"], event["cached_input_tokens"]) == (2000, 1500)
    assert event["cost_nano"] == 500 * 2500 + 1500 * 1250 + 2 * 10000


def test_end_user_and_metadata_are_in_the_event(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    client.chat.completions.create(
        model="gpt-4o-mini", messages=said("tokens=2"), user="user-7", metadata={"team": "search"}
    )
    client.chat.completions.create(
        model="gpt-4o-mini", messages=said("tokens=2"), extra_headers={"x-orbit-tags": "team=ads,stage=test"}
    )
    first, second = agreed(tenant, provider, 2)
    assert (first["end_user"], first["tags"]) == ("user-7", {"team": "search"})
    assert second["tags"] == {"team": "ads", "stage": "test"}
    assert first["user_agent"].startswith("OpenAI/Python")


class Trip(BaseModel):
    city: str
    nights: int


def test_structured_answer_parses(client: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = client.chat.completions.parse(model="gpt-4o", messages=said(), response_format=Trip)
    assert answer.choices[0].message.parsed
    agreed(tenant, provider)
