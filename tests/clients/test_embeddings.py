"""Embeddings and the list of models."""

from __future__ import annotations

import asyncio
import math

import pytest
from openai import AsyncOpenAI, NotFoundError, OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.conftest import ALIASES, MakeTenant, Tenant
from tests.gateway import Gateway

INPUTS = ["first text", "second text"]


@pytest.mark.cell(
    surface="OpenAI embeddings", provider="openai_compatible", feature="plain", client="OpenAI Python"
)
def test_embeddings_come_as_numbers_and_packed(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    """The client asks for base64 unless it is told otherwise, and unpacks it."""
    model = "text-embedding-3-small"
    plain = client.embeddings.create(model=model, input=INPUTS, encoding_format="float")
    packed = client.embeddings.create(model=model, input=INPUTS)
    assert [one.embedding for one in plain.data] == [one.embedding for one in packed.data]
    assert len(plain.data) == 2
    assert math.isclose(math.hypot(*plain.data[0].embedding), 1, rel_tol=1e-4)
    for event in agreed(tenant, provider, 2):
        assert event["endpoint"] == "embeddings"
        assert event["input_tokens"] == plain.usage.prompt_tokens
        assert event["output_tokens"] == 0


def test_embeddings_of_tokens_and_of_a_chosen_width(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=[[1, 2, 3], [4]], dimensions=256)
    assert [len(one.embedding) for one in answer.data] == [256, 256]
    [event] = agreed(tenant, provider)
    assert event["input_tokens"] == 4


def test_texts_that_fit_one_by_one_are_not_refused_together(
    client: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    """The model's window is 8,192 tokens; each text has its own."""
    client.embeddings.create(
        model="text-embedding-3-small", input=["seven words that are no long story"] * 1_500
    )
    [event] = agreed(tenant, provider)
    assert event["input_tokens"] > 8_192


def test_asynchronous_client_embeds(gateway: Gateway, tenant: Tenant, provider: ProviderHandle) -> None:
    async def ask() -> int:
        async with AsyncOpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=0) as client:
            answer = await client.embeddings.create(model="text-embedding-3-small", input="one text")
            return answer.usage.total_tokens

    used = asyncio.run(ask())
    [event] = agreed(tenant, provider)
    assert event["input_tokens"] == used > 0


def test_models_are_those_that_the_key_may_use(client: OpenAI, tenant: Tenant) -> None:
    assert {model.id for model in client.models.list()} == set(ALIASES)
    assert client.models.retrieve("gpt-4o").object == "model"
    with pytest.raises(NotFoundError) as unknown:
        client.models.retrieve("gpt-none")
    assert unknown.value.code == "model_not_found"
    assert tenant.events() == []


def test_models_outside_the_policy_are_not_listed(gateway: Gateway, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(allow={"models": ["gpt-4o", "gpt-4o-mini"]})
    with OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=0) as client:
        assert {model.id for model in client.models.list()} == {"gpt-4o", "gpt-4o-mini"}
        with pytest.raises(NotFoundError):
            client.models.retrieve("text-embedding-3-small")
