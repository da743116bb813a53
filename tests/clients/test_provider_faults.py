"""A provider that refuses, breaks off or talks nonsense: what the application sees and what it is charged."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.clients.conftest import Sdk, read_until_error, said
from tests.conftest import Tenant

PLAIN: Any = {"model": "gpt-4o-mini", "max_tokens": 60}


@pytest.mark.parametrize("directives", [["status=500"], ["status=503", "retry_after=7"], ["html_error"]])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_providers_failure_is_a_bad_gateway_and_costs_nothing(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle, directives: list[str], stream: bool
) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(messages=said(*directives), stream=stream, **PLAIN)
    assert (raised.value.status_code, raised.value.code) == (502, "upstream_error")
    assert "<" not in raised.value.response.text
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["http_status"] == served(provider, event)["status"]
    assert event["cost_nano"] == served(provider, event)["cost_nano"] == 0
    assert event["output_tokens"] == 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_providers_own_rate_limit_passes_with_its_advice(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(
            messages=said("status=429", "retry_after=7", "code=slow_down"), stream=stream, **PLAIN
        )
    assert raised.value.code == "slow_down"
    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.response.headers["x-orbit-account"] == "demo"
    [event] = calls(tenant)
    assert (event["status"], event["code"], event["http_status"]) == ("provider_failed", "slow_down", 429)
    assert event["cost_nano"] == served(provider, event)["cost_nano"] == 0


def test_providers_own_objection_passes_as_it_is(sdk: Sdk, tenant: Tenant, provider: ProviderHandle) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        sdk.plain(messages=said("refuse_params=temperature"), temperature=0.5, **PLAIN)
    assert "temperature" in str(raised.value)
    [event] = calls(tenant)
    assert (event["status"], event["http_status"], event["cost_nano"]) == ("provider_failed", 400, 0)


def test_redirect_is_not_followed(client: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    target = f"redirect={provider.base_url}/chat/completions"
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(messages=said(target), **PLAIN)
    assert raised.value.code == "upstream_error"
    assert "location" not in raised.value.response.headers
    [event] = calls(tenant)
    assert event["http_status"] == 307
    assert event["cost_nano"] == 0


@pytest.mark.parametrize(
    "directive",
    [
        "cut_after_chunks=3",
        "fin_after_chunks=3",
        "content_length_off=5",
        "content_length_off=-5",
        "gzip_bomb=1",
    ],
)
def test_broken_plain_answer_is_charged_no_less_than_it_cost_and_no_more_than_was_reserved(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle, directive: str
) -> None:
    """Nobody can say what the provider did; what was set aside for the call is the bound."""
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(messages=said("tokens=20", directive), **PLAIN)
    assert (raised.value.status_code, raised.value.code) == (502, "upstream_error")
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("provider_failed", "estimated")
    assert 0 < served(provider, event)["cost_nano"] <= event["cost_nano"] <= event["reserved"]["cost_nano"]


@pytest.mark.parametrize("directive", ["cut_after_chunks=8", "fin_after_chunks=8", "error_after_chunks=8"])
def test_stream_that_breaks_off_ends_with_an_error_and_is_charged_for_what_came(
    sdk: Sdk, tenant: Tenant, provider: ProviderHandle, directive: str
) -> None:
    with pytest.raises(openai.APIError):
        sdk.stream(messages=said("tokens=50", directive), **PLAIN)
    what_came_is_charged(tenant, provider, 8)


def what_came_is_charged(tenant: Tenant, provider: ProviderHandle, chunks: int) -> None:
    """Give or take what two tokenizers count differently; the words of the error are no output."""
    [event] = calls(tenant)
    record = served(provider, event)
    assert record["completion_tokens"] == chunks
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["usage_source"] == "estimated"
    assert abs(event["output_tokens"] - chunks) <= 2
    assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10


@pytest.mark.parametrize("directive", ["cut_after_chunks=8", "fin_after_chunks=8"])
def test_chunks_before_the_break_arrive_and_the_final_event_says_why(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle, directive: str
) -> None:
    stream = client.chat.completions.create(
        messages=said("tokens=50", "pace_ms=5", directive), stream=True, **PLAIN
    )
    texts, error = read_until_error(stream)
    body: Any = error.body
    assert len(texts) == 8
    assert error.code == "upstream_error"
    assert body["orbit"]["request_id"] == calls(tenant)[0]["request_id"]


def test_stream_that_breaks_off_at_once_is_an_error(
    sdk: Sdk, tenant: Tenant, provider: ProviderHandle
) -> None:
    with pytest.raises(openai.APIError):
        sdk.stream(messages=said("tokens=50", "cut_after_bytes=0"), **PLAIN)
    [event] = calls(tenant)
    assert event["status"] == "provider_failed"
    assert event["cost_nano"] <= event["reserved"]["cost_nano"]


def test_named_error_event_in_the_stream_is_raised(
    sdk: Sdk, tenant: Tenant, provider: ProviderHandle
) -> None:
    with pytest.raises(openai.APIError):
        sdk.stream(messages=said("tokens=50", "error_after_chunks=8", "error_event"), **PLAIN)
    what_came_is_charged(tenant, provider, 8)


def test_client_retries_a_passing_fault_by_itself(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = client.with_options(max_retries=2).chat.completions.create(
        messages=said("tokens=4", "status=503", "times=1", f"key={tenant.slug}"), **PLAIN
    )
    assert answer.choices[0].message.content
    first, second = calls(tenant, 2)
    assert (first["status"], first["cost_nano"]) == ("provider_failed", 0)
    assert (second["status"], second["output_tokens"]) == ("settled", 4)
    assert second["cost_nano"] == served(provider, second)["cost_nano"]
