"""OpenAI's Responses before accounts that do not speak them: chat completions, and Claude by way of these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import LIMITS, Api
from tests.proxy.responses import create, numbers_of

CLAUDE, GPT = "claude-haiku-4-5", "gpt-4o-mini"
MODELS = (CLAUDE, GPT)


@pytest.fixture
def both(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    kinds = {GPT: "openai_compatible", CLAUDE: "anthropic"}
    accounts = [
        {
            "name": kind,
            "kind": kind,
            "base_url": provider.base_url,
            "prices_as": "openai" if kind != "anthropic" else "anthropic",
            "credential": {"value": "sk-demo-both"},
        }
        for kind in kinds.values()
    ]
    routes = [
        {"alias": model, "targets": [{"account": kind, "model": model}]} for model, kind in kinds.items()
    ]
    return make_tenant(entry={"provider_accounts": accounts, "models": routes}, limits=LIMITS)


@pytest.fixture
def client(gateway: Gateway, both: Tenant) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.base_url, api_key=both.key, max_retries=0, timeout=10) as made:
        yield made


def said(text: str, *directives: str) -> str:
    return f"{text} [[orbit-demo: {' '.join(directives)}]]"


@pytest.mark.cell(
    surface="OpenAI Responses",
    provider=("anthropic", "openai_compatible"),
    feature="plain",
    client="OpenAI Python",
)
@pytest.mark.parametrize("model", MODELS)
def test_plain_response_is_charged_as_the_provider_says(client: OpenAI, both: Tenant, model: str) -> None:
    answer = client.responses.create(model=model, input=said("Hello", "tokens=12"), max_output_tokens=60)
    assert answer.status == "completed"
    assert answer.output_text
    assert answer.usage is not None
    assert answer.usage.output_tokens == 12
    (event,) = both.events()
    assert (event["endpoint"], event["surface"], event["output_tokens"]) == ("responses", "openai", 12)
    assert event["usage_source"] == "provider"


@pytest.mark.cell(
    surface="OpenAI Responses",
    provider=("anthropic", "openai_compatible"),
    feature="streaming",
    client="OpenAI Python",
)
@pytest.mark.parametrize("model", MODELS)
def test_streamed_response_ends_with_the_whole_of_it(client: OpenAI, both: Tenant, model: str) -> None:
    with client.responses.stream(model=model, input=said("Hello", "tokens=12")) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.usage is not None
    assert final.usage.output_tokens == 12
    assert both.events()[0]["output_tokens"] == 12


@pytest.mark.parametrize("model", MODELS)
def test_error_that_ends_a_stream_is_numbered_as_its_events_are(
    gateway: Gateway, both: Tenant, model: str
) -> None:
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=10) as http:
        asked = said("Hello", "tokens=30", "error_after_chunks=5")
        answer = create(Api(http, both.key), asked, model=model, stream=True)
    assert b"event: error" in answer.content
    numbers = numbers_of(answer)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 5


@pytest.mark.cell(
    surface="OpenAI Responses",
    provider=("anthropic", "openai_compatible"),
    feature="tools",
    client="OpenAI Python",
)
@pytest.mark.parametrize("model", MODELS)
def test_tools_go_there_and_back(client: OpenAI, model: str) -> None:
    tool: Any = {
        "type": "function",
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Rome?"}]
    first = client.responses.create(model=model, input=turns, tools=[tool], store=False)
    (call,) = [item for item in first.output if item.type == "function_call"]
    turns += [item.model_dump(exclude_none=True) for item in first.output]
    turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."})
    second = client.responses.create(model=model, input=turns, tools=[tool], store=False)
    assert second.status == "completed"
    assert second.output_text


@pytest.mark.parametrize("model", MODELS)
def test_what_needs_storage_is_refused_by_name(client: OpenAI, both: Tenant, model: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.responses.create(model=model, input="Hello", store=True)
    assert refused.value.param == "store"
    assert both.events() == []
