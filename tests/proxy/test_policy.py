"""What a policy allows, and what it caps."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, served
from tests.conftest import MakeTenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import LIMITS, Api, ApiOf, Untouched, code_of, hello


def test_key_without_a_policy_may_do_nothing(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(entry={"policies": [], "policy": None})
    api, seen = api_of(tenant), provider.summary()["requests"]
    assert code_of(api.chat()) == (403, "no_policy")
    assert code_of(api.send("POST", "embeddings", b"{}")) == (403, "no_policy")
    assert code_of(api.get("models")) == (403, "no_policy")
    assert api.limits() == {}
    assert provider.summary()["requests"] == seen
    assert tenant.events() == []


def test_model_outside_the_policy_is_like_an_absent_one(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    api = api_of(make_tenant(allow={"models": ["gpt-4o"]}))
    assert api.chat(model="gpt-4o").status_code == 200
    refused, absent = api.chat(model="gpt-4o-mini"), api.chat(model="gpt-none")
    assert code_of(refused) == code_of(absent) == (404, "model_not_found")
    assert refused.json()["error"]["message"] == absent.json()["error"]["message"]


def test_model_of_another_organization_is_absent(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    other = make_tenant()
    own = make_tenant(entry={"models": []})
    assert api_of(other).chat().status_code == 200
    assert code_of(api_of(own).chat()) == (404, "model_not_found")


def test_endpoint_outside_the_policy_is_refused(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    api = api_of(make_tenant(allow={"endpoints": ["chat/completions"]}))
    assert api.chat().status_code == 200
    assert code_of(api.send("POST", "embeddings", b"{}")) == (403, "endpoint_not_allowed")
    assert code_of(api.get("models")) == (403, "endpoint_not_allowed")
    assert api.limits() == {}  # a key may always look at itself


@pytest.mark.parametrize(
    ("ranges", "allowed"),
    [
        (["127.0.0.0/8"], True),
        (["192.0.2.0/24", "127.0.0.1/32"], True),
        (["192.0.2.0/24"], False),
        (["::1/128"], False),
    ],
)
def test_address_is_checked(make_tenant: MakeTenant, api_of: ApiOf, ranges: list[str], allowed: bool) -> None:
    api = api_of(make_tenant(allow={"ip_ranges": ranges}))
    answer = api.chat(with_headers={"x-forwarded-for": "192.0.2.7", "x-real-ip": "192.0.2.7"})
    assert (answer.status_code == 200) == allowed
    if not allowed:
        assert code_of(answer) == (403, "address_not_allowed")


def test_forwarded_address_counts_as_far_as_the_operators_proxies_vouch_for_it(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(allow={"ip_ranges": ["192.0.2.0/24"]})
    with running_gateway(environment={"ORBIT_TRUSTED_PROXIES": "1"}) as gateway:
        assert asked_for(gateway, tenant.key, "192.0.2.7") == 200
        assert asked_for(gateway, tenant.key, "203.0.113.1, 192.0.2.7") == 200
        assert asked_for(gateway, tenant.key, "192.0.2.7, 203.0.113.1") == 403
        assert asked_for(gateway, tenant.key, "not an address") == 403
        assert asked_for(gateway, tenant.key, "") == 403
    assert {event["client_ip"] for event in agreed(tenant, provider, 2)} == {"192.0.2.7"}


def asked_for(gateway: Gateway, key: str, forwarded: str) -> int:
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=10, trust_env=False, verify=False) as client:
        return Api(client, key).chat(with_headers={"x-forwarded-for": forwarded}).status_code


def test_smaller_output_cap_of_the_policy_is_what_the_provider_gets(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(caps={"max_output_tokens": 9})
    api = api_of(tenant)
    sent: list[dict[str, Any]] = [{}, {"max_tokens": 100}, {"max_completion_tokens": 100}, {"max_tokens": 4}]
    for fields in sent:
        assert api.chat(**fields).status_code == 200
    got = [served(provider, event) for event in agreed(tenant, provider, 4)]
    assert [one["max_tokens"] for one in got] == [9, 9, 9, 4]
    assert [one["completion_tokens"] for one in got] == [9, 9, 9, 4]
    # under the name that such servers obey, whatever the client used
    assert [one["fields"].get("max_tokens") for one in got] == [9, 9, 9, 4]
    assert not any("max_completion_tokens" in one["fields"] for one in got)


def test_what_is_reserved_is_what_the_provider_may_write(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(limits=LIMITS)
    api = api_of(tenant)
    asked: list[dict[str, Any]] = [
        {},
        {"max_tokens": 50},
        {"max_tokens": 50, "n": 3},
        {"max_tokens": 50, "stream": True},
    ]
    for fields in asked:
        assert api.chat(**fields).status_code == 200
    for event in agreed(tenant, provider, 4):
        record = served(provider, event)
        assert event["reserved"]["output_tokens"] == record["max_tokens"] * record["choices"]
        assert event["reserved"]["input_tokens"] >= record["prompt_tokens"]
        assert event["reserved"]["cost_nano"] >= record["cost_nano"]


def test_input_over_the_cap_is_refused(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(caps={"max_input_tokens": 50}, limits=LIMITS)
    untouched = Untouched(provider, api_of(tenant), tenant)
    answer = untouched.api.chat(messages=[{"role": "user", "content": "a word " * 60}])
    assert code_of(answer) == (400, "context_length_exceeded")
    untouched.check()
    # 26 tokens in far more than 50 bytes
    assert (
        untouched.api.chat(messages=[{"role": "user", "content": "international " * 20}]).status_code == 200
    )


def test_body_over_the_cap_is_refused(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(caps={"max_body_bytes": 300}, limits=LIMITS)
    untouched = Untouched(provider, api_of(tenant), tenant)
    assert code_of(untouched.api.chat(user="x" * 256)) == (413, "body_too_large")
    untouched.check()
    assert untouched.api.chat().status_code == 200


UNPRICED: dict[str, Any] = {"alias": "own", "targets": [{"account": "demo", "model": "demo-chat"}]}
BUDGET = [{"name": "budget", "meter": "cost", "per": "month", "limit": "10.00"}]


def test_model_without_a_price_is_refused_under_a_cost_limit(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(entry={"models": [UNPRICED]}, limits=BUDGET)
    untouched = Untouched(provider, api_of(tenant), tenant)
    assert code_of(untouched.api.chat(model="own")) == (403, "model_unpriced")
    untouched.check()


def test_model_without_a_price_has_no_cost_where_none_is_limited(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(entry={"models": [UNPRICED]}, limits=LIMITS[:3])
    answer = api_of(tenant).chat(model="own", messages=hello("tokens=5"))
    assert answer.status_code == 200
    assert "x-orbit-cost-nano" not in answer.headers
    [event] = tenant.events()
    assert event["output_tokens"] == 5
    assert "cost_nano" not in event


def test_ceiling_price_is_charged_for_a_model_without_one(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(
        entry={"models": [UNPRICED]}, limits=BUDGET, unpriced_models={"input": "30.00", "output": "120.00"}
    )
    answer = api_of(tenant).chat(model="own", messages=hello("tokens=5"))
    assert answer.status_code == 200, answer.text
    [event] = tenant.events()
    record = served(provider, event)
    assert event["cost_nano"] == record["prompt_tokens"] * 30_000 + 5 * 120_000
    assert answer.headers["x-orbit-cost-nano"] == str(event["cost_nano"])
    assert api_of(tenant).limits()["budget"]["spent"] == event["cost_nano"]
