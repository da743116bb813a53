"""What narrows a key by itself: never more than its policies allow, and told like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from tenants import services
from tenants.models import ApiKey
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import LIMITS, Api, ApiOf, Untouched, code_of

NARROWED: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"models": ["gpt-4o"]}, (404, "model_not_found")),
    ({"models": ["text-*"]}, (404, "model_not_found")),
    ({"models": []}, (404, "model_not_found")),
    ({"endpoints": ["embeddings"]}, (403, "endpoint_not_allowed")),
    ({"ip_ranges": ["192.0.2.0/24", "2001:db8::/32"]}, (403, "address_not_allowed")),
]
OPEN = [
    {},
    {"models": ["gpt-4o-mini"]},
    {"models": ["gpt-4o*"]},
    {"models": ["*-mini"], "endpoints": ["chat/completions", "models"], "ip_ranges": ["127.0.0.0/8"]},
]

Narrow = Callable[[Tenant, dict[str, Any]], None]


@pytest.fixture
def narrow() -> Narrow:
    def narrowed(tenant: Tenant, allow: dict[str, Any]) -> None:
        with access.operator():
            key_id = ApiKey.objects.get(organization_id=tenant.id).pk
        services.change_key(
            organization_id=tenant.id,
            key_id=key_id,
            policy=None,
            allow=allow,
            expires_at=None,
            rotate_after_days=None,
            actor="test",
        )

    return narrowed


@pytest.mark.parametrize(("allow", "expected"), NARROWED)
def test_call_outside_the_keys_scope_is_refused_by_the_next_request(
    make_tenant: MakeTenant,
    api_of: ApiOf,
    narrow: Narrow,
    provider: ProviderHandle,
    allow: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    tenant = make_tenant(limits=LIMITS)
    api = api_of(tenant)
    assert api.get("models").status_code == 200  # the worker knows the key
    untouched = Untouched(provider, api, tenant)
    narrow(tenant, allow)
    assert code_of(api.chat()) == expected
    untouched.check()
    narrow(tenant, {})
    assert api.chat().status_code == 200


@pytest.mark.parametrize("allow", OPEN)
def test_call_inside_it_is_let_through(
    tenant: Tenant, api: Api, narrow: Narrow, allow: dict[str, Any]
) -> None:
    narrow(tenant, allow)
    assert api.chat().status_code == 200


def test_key_is_never_wider_than_its_policy(make_tenant: MakeTenant, api_of: ApiOf, narrow: Narrow) -> None:
    tenant = make_tenant(
        allow={"models": ["gpt-4o"], "endpoints": ["chat/completions"], "ip_ranges": ["192.0.2.0/24"]}
    )
    narrow(tenant, {"models": ["*"], "endpoints": ["*"], "ip_ranges": ["127.0.0.0/8"]})
    api = api_of(tenant)
    assert code_of(api.chat(model="gpt-4o")) == (403, "address_not_allowed")
    assert code_of(api.send("POST", "embeddings", b"{}")) == (403, "endpoint_not_allowed")


def test_scope_alone_allows_nothing(make_tenant: MakeTenant, api_of: ApiOf, narrow: Narrow) -> None:
    tenant = make_tenant(entry={"policies": [], "policy": None})
    narrow(tenant, {"models": ["*"]})
    assert code_of(api_of(tenant).chat()) == (403, "no_policy")


def test_listed_models_are_those_of_the_key(make_tenant: MakeTenant, api_of: ApiOf, narrow: Narrow) -> None:
    tenant = make_tenant(allow={"models": ["gpt-*", "text-embedding-3-small"]})
    api = api_of(tenant)
    narrow(tenant, {"models": ["gpt-4o-mini", "text-*"]})
    listed = [model["id"] for model in api.get("models").json()["data"]]
    assert listed == ["gpt-4o-mini", "text-embedding-3-small"]
    assert code_of(api.get("models/gpt-4o")) == (404, "model_not_found")
    assert api.get("models/gpt-4o-mini").status_code == 200
