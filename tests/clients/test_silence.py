"""A provider that falls silent, met by a gateway that waits for a second only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.clients.conftest import client_of, read_until_error, said
from tests.conftest import Tenant
from tests.gateway import Gateway, running_gateway

PLAIN: Any = {"model": "gpt-4o-mini", "max_tokens": 60}


@pytest.fixture(scope="module")
def hasty(provider: ProviderHandle) -> Iterator[Gateway]:
    with running_gateway(
        environment={"ORBIT_IDLE_TIMEOUT_S": "1", "ORBIT_FIRST_BYTE_TIMEOUT_S": "1"}
    ) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_provider_that_does_not_begin_is_a_gateway_timeout(
    hasty: Gateway, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    with client_of(hasty, tenant) as client, pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(messages=said("tokens=20", "first_ms=4000"), stream=stream, **PLAIN)
    assert (raised.value.status_code, raised.value.code) == (504, "upstream_timeout")
    [event] = calls(tenant)
    assert (event["status"], event["code"], event["usage_source"]) == (
        "provider_failed",
        "upstream_timeout",
        "estimated",
    )
    assert 0 < event["cost_nano"] <= event["reserved"]["cost_nano"]


@pytest.mark.full
def test_stream_that_falls_silent_ends_with_an_error_and_is_charged_for_what_came(
    hasty: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    with client_of(hasty, tenant) as client:
        stream = client.chat.completions.create(
            messages=said("tokens=50", "stall_after_chunks=8", "stall_s=30"), stream=True, **PLAIN
        )
        texts, error = read_until_error(stream)
    assert error.code == "upstream_timeout"
    assert len(texts) == 8
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_timeout")
    record = served(provider, event)
    assert record["outcome"] == "hung_up"
    assert abs(event["output_tokens"] - record["completion_tokens"]) <= 2


def test_slow_but_steady_stream_is_no_silence(
    hasty: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    with client_of(hasty, tenant) as client:
        chunks = list(
            client.chat.completions.create(messages=said("tokens=4", "pace_ms=400"), stream=True, **PLAIN)
        )
    assert chunks[-1].choices[0].finish_reason == "stop"
    [event] = calls(tenant)
    assert (event["status"], event["output_tokens"]) == ("settled", 4)
