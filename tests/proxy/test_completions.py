"""Text completions, as bytes and with the official client: what they cost is what the provider's own books say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import orjson
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, charged, figures, served
from tests.clients.conftest import client_of
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import LIMITS, Api, ApiOf, code_of

MODEL = "gpt-3.5-turbo-instruct"


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(
        entry={"models": [{"alias": "writer", "targets": [{"account": "demo", "model": MODEL}]}]},
        limits=LIMITS,
    )


@pytest.fixture
def sdk(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


def complete(api: Api, **fields: Any) -> httpx2.Response:
    body = {"model": "writer", "prompt": "Once upon a time", **fields}
    return api.send("POST", "completions", orjson.dumps(body))


def told(*directives: str) -> str:
    return f"Once upon a time [[orbit-demo: {' '.join(directives)}]]"


@pytest.mark.cell(surface="OpenAI completions", provider="openai_compatible", feature="plain")
def test_plain_completion_is_answered_and_charged(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = sdk.completions.create(model="writer", prompt="Once upon a time", max_tokens=12)
    assert (answer.object, answer.choices[0].finish_reason) == ("text_completion", "length")
    [event] = agreed(tenant, provider)
    assert (event["endpoint"], event["output_tokens"], event["finish_reason"]) == (
        "completions",
        12,
        "length",
    )


@pytest.mark.cell(surface="OpenAI completions", provider="openai_compatible", feature="streaming")
def test_streamed_completion_shows_usage_only_to_those_who_ask(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    ask: Any = {"model": "writer", "prompt": "Once", "max_tokens": 9, "stream": True}
    asked = list(sdk.completions.create(**ask, stream_options={"include_usage": True}))
    unasked = list(sdk.completions.create(**ask))
    assert asked[-1].usage
    assert asked[-1].usage.completion_tokens == 9
    assert all("usage" not in chunk.model_fields_set for chunk in unasked)
    texts = ["".join(choice.text for chunk in some for choice in chunk.choices) for some in (asked, unasked)]
    assert texts[0] == texts[1] != ""
    agreed(tenant, provider, 2)


def test_stream_is_passed_on_byte_by_byte_as_the_provider_wrote_it(
    api: Api, provider: ProviderHandle
) -> None:
    fields: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 8}
    told_so = complete(api, prompt=told("tokens=8", "split=odd", "comments", "crlf"), **fields)
    assert told_so.headers["content-type"].startswith("text/event-stream")
    assert told_so.content.endswith(b"data: [DONE]\r\n\r\n")
    assert told_so.content.count(b"\n:") + told_so.content.startswith(b":") > 0
    chunks = [line for line in told_so.content.split(b"\r\n") if line.startswith(b"data: {")]
    assert sum(bool(one["text"]) for line in chunks for one in orjson.loads(line[6:])["choices"]) == 8


def test_completion_that_names_no_maximum_has_sixteen_tokens_as_at_the_provider(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    assert complete(api, prompt=told("tokens=400")).status_code == 200
    [event] = agreed(tenant, provider)
    assert event["output_tokens"] == event["reserved"]["output_tokens"] == 16
    assert served(provider, event)["max_tokens"] == 16


def test_every_prompt_and_draft_is_reserved_and_charged(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = sdk.completions.create(model="writer", prompt=["one", "two"], n=2, best_of=3, max_tokens=5)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    [event] = agreed(tenant, provider)
    assert event["output_tokens"] == event["reserved"]["output_tokens"] == 2 * 3 * 5


def test_echo_of_a_prompt_is_no_output(sdk: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = sdk.completions.create(model="writer", prompt="Once upon", echo=True, max_tokens=0)
    assert answer.choices[0].text == "Once upon"
    [event] = agreed(tenant, provider)
    assert event["output_tokens"] == 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_completion_without_usage_is_estimated_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    fields = {"stream": True} if stream else {}
    assert (
        complete(api, prompt=told("tokens=25", "usage=missing"), max_tokens=40, **fields).status_code == 200
    )
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert abs(event["output_tokens"] - record["completion_tokens"]) <= 3
    assert 0 < event["cost_nano"] <= event["reserved"]["cost_nano"]


def test_stream_that_breaks_off_is_charged_for_what_came(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    with pytest.raises(openai.APIError) as raised:
        list(
            sdk.completions.create(
                model="writer", prompt=told("tokens=50", "error_after_chunks=8"), max_tokens=60, stream=True
            )
        )
    assert raised.value.code == "upstream_error"
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert abs(event["output_tokens"] - charged(served(provider, event))["output"]) <= 3
    assert figures(event)["cost"] > 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt", []), ("prompt", 7), ("n", 129), ("best_of", 1_000), ("max_tokens", -1), ("stream", "yes")],
)
def test_field_that_makes_no_sense_is_named(api: Api, tenant: Tenant, field: str, value: Any) -> None:
    answer = complete(api, **{field: value})
    assert code_of(answer) == (400, "invalid_request")
    assert answer.json()["error"]["param"] == field
    assert tenant.events() == []


def test_policy_that_allows_only_chat_refuses_completions(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    api = api_of(make_tenant(allow={"endpoints": ["chat/completions"]}))
    answer = complete(api, model="gpt-4o-mini")
    assert code_of(answer) == (403, "endpoint_not_allowed")
