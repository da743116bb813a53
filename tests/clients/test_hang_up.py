"""Clients that leave before the end."""

from __future__ import annotations

import asyncio
import time

import httpx2
import pytest
from openai import AsyncOpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.clients.conftest import client_of, said
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway

LONG = said("tokens=600", "pace_ms=4")
# What the provider writes between the last chunk that we read and its notice of our leaving.
IN_FLIGHT = 12


@pytest.fixture(autouse=True)
def counting(gateway: Gateway, make_tenant: MakeTenant) -> None:
    """The worker has loaded its tokenizer, which takes a second, once."""
    with client_of(gateway, make_tenant()) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2", "usage=missing"))


def left_early(tenant: Tenant, provider: ProviderHandle) -> None:
    [event] = calls(tenant)
    record = served(provider, event)
    assert record["outcome"] == "hung_up"
    assert event["status"] == "client_gone"
    assert event["usage_source"] == "estimated"
    assert 10 <= record["completion_tokens"] < 600
    # its tokens are not quite ours
    assert -2 <= record["completion_tokens"] - event["output_tokens"] <= IN_FLIGHT
    assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10
    assert record["cost_nano"] / 1.5 <= event["cost_nano"] <= record["cost_nano"] * 1.15


def test_closed_stream_stops_the_provider_and_is_charged_for_what_came(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(limits=[{"name": "one", "meter": "concurrency", "limit": 1}])
    with client_of(gateway, tenant) as client:
        stream = client.chat.completions.create(model="gpt-4o-mini", messages=LONG, stream=True)
        for _ in range(20):
            next(stream)
        assert held(gateway, tenant) == 1
        stream.close()
        left_early(tenant, provider)
        assert held(gateway, tenant) == 0
        assert client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2"))


def held(gateway: Gateway, tenant: Tenant) -> int:
    answer = httpx2.get(f"{gateway.base_url}/orbit/limits", headers={"authorization": f"Bearer {tenant.key}"})
    [limit] = answer.json()["data"]
    return int(limit["held"])


def test_asynchronous_client_that_breaks_off_is_noticed_too(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    async def ask() -> None:
        async with AsyncOpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=0) as client:
            stream = await client.chat.completions.create(model="gpt-4o-mini", messages=LONG, stream=True)
            for _ in range(20):
                await anext(stream)
            await stream.close()

    asyncio.run(ask())
    left_early(tenant, provider)


def test_client_that_leaves_while_the_provider_is_silent_is_noticed(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    with client_of(gateway, tenant) as client:
        stream = client.chat.completions.create(
            model="gpt-4o-mini", messages=said("tokens=50", "stall_after_chunks=12"), stream=True
        )
        for _ in range(12):
            next(stream)
        began = time.monotonic()
        stream.close()
        left_early(tenant, provider)
        assert time.monotonic() - began < 3
