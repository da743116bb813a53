"""Refusals arrive as the exceptions that an application already catches."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.clients.conftest import Sdk, client_of, said
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway

KEY_OF_NOBODY = "orb_" + "A" * 43


def test_bad_key_is_an_authentication_error(client: OpenAI, tenant: Tenant) -> None:
    for key in (KEY_OF_NOBODY, "sk-demo-tests", tenant.key[:-1], tenant.key.swapcase()):
        with pytest.raises(openai.AuthenticationError) as raised:
            client.with_options(api_key=key).chat.completions.create(model="gpt-4o", messages=said())
        assert raised.value.status_code == 401
        assert raised.value.code == "invalid_api_key"
        assert key not in str(raised.value)
    assert tenant.events() == []


def test_endpoint_outside_the_policy_is_a_permission_error(gateway: Gateway, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(allow={"endpoints": ["embeddings"]})
    with client_of(gateway, tenant) as client:
        assert client.embeddings.create(model="text-embedding-3-small", input="x").data
        with pytest.raises(openai.PermissionDeniedError) as raised:
            client.chat.completions.create(model="gpt-4o", messages=said())
    assert (raised.value.status_code, raised.value.code) == (403, "endpoint_not_allowed")


def test_unknown_model_and_bad_request_have_their_own_errors(sdk: Sdk, tenant: Tenant) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.plain(model="gpt-none", messages=said())
    assert (unknown.value.status_code, unknown.value.code, unknown.value.param) == (
        404,
        "model_not_found",
        "model",
    )
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.stream(model="gpt-4o", messages=said(), n=0)
    assert (bad.value.status_code, bad.value.code, bad.value.param) == (400, "invalid_request", "n")
    assert tenant.events() == []


def test_refusal_of_a_limit_is_a_rate_limit_error_with_its_figures(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(limits=[{"name": "rpd", "meter": "requests", "per": "day", "limit": 1}])
    with client_of(gateway, tenant) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2"))
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2"))
    error: Any = raised.value
    assert (error.status_code, error.code, error.type) == (429, "insufficient_quota", "insufficient_quota")
    figures = error.body["orbit"]
    assert (figures["limit"], figures["meter"], figures["per"], figures["level"]) == (
        "rpd",
        "requests",
        "day",
        "organization",
    )
    assert (figures["limit_value"], figures["spent"], figures["held"], figures["free"]) == (1, 1, 0, 0)
    assert error.response.headers["x-orbit-limit"] == "rpd"
    assert error.response.headers["x-should-retry"] == "false"
    assert int(error.response.headers["retry-after"]) >= 1
    assert error.response.headers["x-orbit-request-id"] == figures["request_id"]
    agreed(tenant, provider)


class Attempts(openai.DefaultHttpxClient):
    """The client's own HTTP client, counting."""

    def __init__(self) -> None:
        super().__init__(event_hooks={"request": [self.note]})
        self.sent: list[float] = []

    def note(self, request: object) -> None:
        self.sent.append(time.monotonic())


def test_exhausted_quota_is_not_retried(gateway: Gateway, make_tenant: MakeTenant) -> None:
    """The client retries a 429 unless it is told that it is of no use."""
    tenant = make_tenant(limits=[{"name": "rpd", "meter": "requests", "per": "day", "limit": 1}])
    attempts = Attempts()
    with OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=3, http_client=attempts) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2"))
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2"))
    assert len(attempts.sent) == 2


def test_request_over_a_whole_limit_is_refused_for_good(gateway: Gateway, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(limits=[{"name": "tpd", "meter": "tokens", "per": "day", "limit": 50}])
    attempts = Attempts()
    with (
        OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=3, http_client=attempts) as client,
        pytest.raises(openai.BadRequestError) as raised,
    ):
        client.chat.completions.create(model="gpt-4o-mini", messages=said(), max_tokens=100)
    assert raised.value.code == "request_exceeds_limit"
    assert len(attempts.sent) == 1


def test_rate_limited_call_is_retried_when_there_is_room_again(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(
        limits=[{"name": "rps", "meter": "requests", "per": "second", "limit": 1, "burst": 1}]
    )
    attempts = Attempts()
    with OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=2, http_client=attempts) as client:
        for _ in range(2):
            client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=2"))
    assert len(attempts.sent) == 3
    assert 0.9 < attempts.sent[2] - attempts.sent[1] < 2
    agreed(tenant, provider, 2)


def test_client_that_gives_up_waiting_is_charged_for_each_try(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    """A plain call is the provider's work whether or not somebody still waits for it."""
    with (
        OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=1, timeout=0.3) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model="gpt-4o-mini", messages=said("tokens=5", "first_ms=700"))
    assert len(agreed(tenant, provider, 2)) == 2


def test_bad_credential_of_the_account_is_never_an_authentication_error(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    account = {
        "name": "demo",
        "kind": "openai_compatible",
        "base_url": provider.base_url,
        "prices_as": "openai",
        "credential": {"value": "sk-wrong"},
    }
    tenant = make_tenant(entry={"provider_accounts": [account]})
    with client_of(gateway, tenant) as client:
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as raised:
                client.chat.completions.create(model="gpt-4o-mini", messages=said(), stream=stream)
            assert (raised.value.status_code, raised.value.code) == (502, "upstream_credentials")
            assert "sk-wrong" not in raised.value.response.text
    for event in calls(tenant, 2):
        assert (event["status"], event["code"], event["http_status"]) == (
            "provider_failed",
            "upstream_credentials",
            401,
        )
        assert event["cost_nano"] == served(provider, event)["cost_nano"] == 0
