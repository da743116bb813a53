"""The official client's Responses, as an application uses them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.clients.conftest import client_of
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.responses import openai as speaking
from tests.proxy.responses import text

MODEL = "gpt-4o-mini"


class Weather(BaseModel):
    city: str
    degrees: int


@pytest.fixture
def tenant(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    return make_tenant(speaking(provider))


@pytest.fixture
def client(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


@pytest.mark.cell(surface="OpenAI Responses", provider="openai", feature="plain", client="OpenAI Python")
def test_plain_response(client: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    response = client.responses.create(model=MODEL, input=text("tokens=20"))
    assert response.status == "completed"
    assert response.output_text
    agreed(tenant, provider)


@pytest.mark.cell(surface="OpenAI Responses", provider="openai", feature="streaming", client="OpenAI Python")
def test_stream_helper_puts_the_same_text_together(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    with client.responses.stream(model=MODEL, input=text("tokens=20")) as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(texts) == final.output_text
    agreed(tenant, provider)


@pytest.mark.cell(
    surface="OpenAI Responses", provider="openai", feature="structured output", client="OpenAI Python"
)
def test_structured_output_is_parsed(client: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    response = client.responses.parse(model=MODEL, input="The weather in Paris", text_format=Weather)
    assert isinstance(response.output_parsed, Weather)
    agreed(tenant, provider)


@pytest.mark.cell(
    surface="OpenAI Responses", provider="openai", feature="previous_response_id", client="OpenAI Python"
)
def test_conversation_goes_on_by_id(client: OpenAI, tenant: Tenant, provider: ProviderHandle) -> None:
    first = client.responses.create(model=MODEL, input=text("tokens=20"))
    second = client.responses.create(model=MODEL, input="And then?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    agreed(tenant, provider, 2)


@pytest.mark.cell(surface="OpenAI Responses", provider="openai", feature="tools", client="OpenAI Python")
def test_tool_is_called_and_its_result_answered(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"type": "function", "name": "weather", "parameters": schema, "strict": False}]
    first = client.responses.create(model=MODEL, input="Weather in Paris?", tools=tools)
    [call] = [item for item in first.output if item.type == "function_call"]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    second = client.responses.create(model=MODEL, input=[result], tools=tools, previous_response_id=first.id)
    assert second.output_text
    agreed(tenant, provider, 2)


@pytest.mark.cell(surface="OpenAI Responses", provider="openai", feature="stored", client="OpenAI Python")
def test_stored_response_is_read_listed_counted_and_deleted(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    made = client.responses.create(model=MODEL, input=text("tokens=5"))
    assert client.responses.retrieve(made.id).output_text == made.output_text
    assert [item.type for item in client.responses.input_items.list(made.id)] == ["message"]
    counted = client.responses.input_tokens.count(model=MODEL, input=text("tokens=5"))
    assert made.usage is not None
    assert counted.input_tokens == made.usage.input_tokens
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    agreed(tenant, provider)  # one call, and nothing for what was read


@pytest.mark.cell(surface="OpenAI Responses", provider="openai", feature="background", client="OpenAI Python")
def test_response_in_the_background_is_waited_for(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    made = client.responses.create(
        model=MODEL, input=text("tokens=20", "first_ms=100", "pace_ms=5"), background=True
    )
    assert made.status == "queued"
    deadline = time.monotonic() + 60
    while (found := client.responses.retrieve(made.id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert found.output_text
    agreed(tenant, provider)


def test_cancelled_response_says_so(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input=text("tokens=300", "pace_ms=20"), background=True)
    assert client.responses.cancel(made.id).status == "cancelled"


@pytest.mark.cell(
    surface="OpenAI Responses", provider="openai", feature="errors of the provider", client="OpenAI Python"
)
def test_error_of_the_provider_is_the_clients_own_exception(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(
            model=MODEL, input=[{"type": "function_call_output", "call_id": "x", "output": ""}]
        )
    assert raised.value.type == "invalid_request_error"
    with pytest.raises(openai.APIError) as broken:
        list(
            client.responses.create(
                model=MODEL, input=text("tokens=9", "error_after_chunks=3", "error_event"), stream=True
            )
        )
    assert broken.value.code == "upstream_error"
