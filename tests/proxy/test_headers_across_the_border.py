"""Only what is named in our own code crosses, in either direction."""

from __future__ import annotations

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import HELLO, Api, ApiOf, hello
from tests.proxy.roads import ROADS, travelling

CANARY = "canary-5d1f"
CLIENTS = {
    name: f"{CANARY}-{name}"
    for name in [
        "cookie",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "forwarded",
        "via",
        "origin",
        "referer",
        "openai-organization",
        "openai-project",
        "openai-beta",
        "idempotency-key",
        "x-custom-secret",
        "x-stainless-lang",
        "x-request-id",
        "x-demo",
        "x-orbit-user",
        "x-orbit-anything",
        "traceparent",
        "baggage",
        "proxy-authorization",
        "x-amz-security-token",
        "user-agent",
        "accept",
        "accept-language",
        "te",
        "priority",
        "x-http-method-override",
        "x-original-url",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-user",
        "x-client-ip",
        "x-cluster-client-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "x-goog-user-project",
        "x-goog-api-client",
        "x-ms-client-request-id",
        "x-amz-date",
        "x-amz-target",
        "x-vault-token",
        "x-auth-token",
        "x-csrf-token",
        "x-session-id",
        "x-orbit-session",
        "x-stainless-arch",
        "x-stainless-retry-count",
        "x-should-retry",
        "anthropic-dangerous-direct-browser-access",
        "anthropic-organization-id",
        "openai-safety-identifier",
        "x-correlation-id",
        "x-b3-traceid",
        "tracestate",
        "if-none-match",
        "range",
        "pragma",
        "cache-control",
    ]
}
TO_PROVIDER = {
    "authorization",
    "content-type",
    "accept-encoding",
    "content-length",
    "host",
    "user-agent",
    "accept",
}
OWN = {
    "content-type",
    "x-content-type-options",
    "content-length",
    "date",
    "x-orbit-request-id",
    "x-request-id",
    "x-orbit-model",
    "x-orbit-account",
    "x-orbit-attempts",
    "x-orbit-usage-source",
    "x-orbit-cost-nano",
}
OWN_STREAM = (OWN - {"content-length", "x-orbit-usage-source", "x-orbit-cost-nano"}) | {
    "cache-control",
    "x-accel-buffering",
    "transfer-encoding",
}


def test_no_header_of_the_client_reaches_the_provider(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    for stream in (False, True):
        for key_header in ({}, {"x-api-key": api.key, "api-key": api.key, "x-goog-api-key": api.key}):
            answer = api.chat(with_headers={**CLIENTS, **key_header}, stream=stream)
            assert answer.status_code == 200, answer.text
            received = [(name, value) for name, value in provider.requests()[-1]["headers"]]
            assert {name for name, _ in received} <= TO_PROVIDER
            assert len(received) == len({name for name, _ in received})
            for name, value in received:
                assert CANARY not in value, name
                assert tenant.key not in value, name
            assert dict(received)["authorization"] == "Bearer sk-demo-tests"
    agreed(tenant, provider, 4)


def test_no_header_of_the_provider_reaches_the_client(api: Api) -> None:
    plain = api.chat(messages=hello("evil_headers"))
    assert plain.status_code == 200
    assert set(plain.headers) == OWN
    streamed = api.chat(messages=hello("evil_headers"), stream=True)
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert set(streamed.headers) == OWN_STREAM
    refused = api.chat(messages=hello("evil_headers", "status=429", "retry_after=3"))
    assert refused.status_code == 429
    assert set(refused.headers) == OWN - {"x-orbit-usage-source", "x-orbit-cost-nano"} | {"retry-after"}


@pytest.mark.parametrize("name", ROADS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_no_header_crosses_on_any_road(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle, name: str, stream: bool
) -> None:
    """Of the client's, a provider of the same format sees the version and betas it asks for, and nothing else."""
    assert len(CLIENTS) == 60
    road, tenant = ROADS[name], travelling(make_tenant, provider)
    api = api_of(tenant)
    beta = {"anthropic-beta": "canary-beta-2026"}
    own = {"authorization": f"Bearer {tenant.key}", "content-type": "application/json"}
    for keys in ({}, {"x-api-key": tenant.key, "api-key": tenant.key, "x-goog-api-key": tenant.key}):
        body = orjson.dumps(road.body("tokens=3", "evil_headers", stream=stream))
        answer = api.send("POST", road.path, body, {**CLIENTS, **own, **beta, **keys, **road.headers})
        assert answer.status_code == 200, answer.text
        received = [(name, value) for name, value in provider.requests()[-1]["headers"]]
        told = {"x-api-key", "anthropic-version"} if road.anthropic else {"authorization"}
        if road.anthropic and road.path == "messages":
            told.add("anthropic-beta")
            assert dict(received)["anthropic-beta"] == "canary-beta-2026"
        usual = TO_PROVIDER - {"authorization"}
        assert {name for name, _ in received} <= usual | told
        assert told <= {name for name, _ in received}
        for header, value in received:
            assert CANARY not in value, header
            assert tenant.key not in value, header
        allowed = OWN_STREAM if stream else OWN
        assert set(answer.headers) <= allowed | {"request-id", "x-ratelimit-limit-requests"} | {
            f"x-ratelimit-{one}-{of}"
            for one in ("limit", "remaining", "reset")
            for of in ("requests", "tokens")
        }
        assert "sk-demo-both" not in answer.text + str(answer.headers)


def test_our_own_answers_have_no_more_headers_than_they_need(api: Api) -> None:
    for answer in (api.get("models"), api.get("orbit/limits"), api.chat(n=0), api.get("nothing")):
        assert set(answer.headers) == {
            "content-type",
            "x-content-type-options",
            "content-length",
            "date",
            "x-orbit-request-id",
            "x-request-id",
        }


def test_names_that_odd_headers_carry_change_nothing(api: Api, provider: ProviderHandle) -> None:
    """Not the host, not the path, not the method, not the body."""
    content = orjson.dumps({"model": "gpt-4o-mini", "messages": HELLO, "max_tokens": 2})
    odd = {"x-http-method-override": "GET", "x-original-url": "/admin/", "host": "evil.example"}
    assert api.send("POST", "chat/completions", content, odd).status_code == 200
    record = provider.requests()[-1]
    assert (record["method"], record["endpoint"]) == ("POST", "/v1/chat/completions")
    assert dict(record["headers"])["host"].startswith("127.0.0.1:")
