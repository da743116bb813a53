"""Whatever an admin changes holds for the very next request, also when this worker was used a moment ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from tenants import services
from tenants.models import ApiKey
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import LIMITS, Api, ApiOf, code_of


def key_of(tenant: Tenant) -> ApiKey:
    with access.operator():
        return ApiKey.objects.get(organization_id=tenant.id)


def put(tenant: Tenant, **policy: Any) -> None:
    services.save_policy(organization_id=tenant.id, name="default", document=policy, actor="test")


def attach(tenant: Tenant, name: str | None) -> None:
    services.update_organization(organization_id=tenant.id, actor="test", policy=name)


@pytest.fixture
def warm(make_tenant: MakeTenant, api_of: ApiOf) -> tuple[Tenant, Api]:
    """A tenant whose key the worker already knows."""
    tenant = make_tenant(limits=LIMITS)
    api = api_of(tenant)
    assert api.chat().status_code == 200
    assert api.get("models").status_code == 200
    return tenant, api


Warm = tuple[Tenant, Api]


def test_revoked_key_is_refused(warm: Warm, provider: ProviderHandle) -> None:
    tenant, api = warm
    seen = provider.summary()["requests"]
    services.revoke_key(organization_id=tenant.id, key_id=key_of(tenant).pk, actor="test")
    assert code_of(api.chat()) == (401, "invalid_api_key")
    for path in ("models", "orbit/limits"):
        assert code_of(api.get(path)) == (401, "invalid_api_key")
    assert code_of(api.chat(stream=True)) == (401, "invalid_api_key")
    assert provider.summary()["requests"] == seen


@pytest.mark.parametrize("path", ["models", "models/gpt-4o", "orbit/limits"])
def test_revoked_key_reads_nothing(warm: Warm, path: str) -> None:
    tenant, api = warm
    services.revoke_key(organization_id=tenant.id, key_id=key_of(tenant).pk, actor="test")
    assert code_of(api.get(path)) == (401, "invalid_api_key")


def test_expiry_holds_from_its_minute_and_can_be_moved(warm: Warm) -> None:
    tenant, api = warm
    change: dict[str, Any] = {
        "organization_id": tenant.id,
        "key_id": key_of(tenant).pk,
        "policy": None,
        "allow": {},
        "rotate_after_days": None,
        "actor": "test",
    }
    services.change_key(**change, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert code_of(api.chat()) == (401, "invalid_api_key")
    services.change_key(**change, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert api.chat().status_code == 200


def test_new_key_works_at_once(warm: Warm) -> None:
    tenant, api = warm
    _, text = services.issue_key(organization_id=tenant.id, project="app", name="second", actor="test")
    assert Api(api.http, text).chat().status_code == 200


def test_new_limit_counts_what_was_already_spent(warm: Warm) -> None:
    tenant, api = warm
    put(tenant, limits=[{"name": "two", "meter": "requests", "per": "day", "limit": 2}])
    assert api.chat().status_code == 200
    assert code_of(api.chat()) == (429, "insufficient_quota")
    put(tenant, limits=[{"name": "two", "meter": "requests", "per": "day", "limit": 3}])
    assert api.chat().status_code == 200


def test_raised_limit_lets_a_larger_request_in(warm: Warm) -> None:
    tenant, api = warm
    put(tenant, limits=[{"name": "tpd", "meter": "tokens", "per": "day", "limit": 50}])
    assert code_of(api.chat(max_tokens=100)) == (400, "request_exceeds_limit")
    put(tenant, limits=[{"name": "tpd", "meter": "tokens", "per": "day", "limit": 5000}])
    assert api.chat(max_tokens=100).status_code == 200


def test_policy_taken_away_and_given_back(warm: Warm) -> None:
    tenant, api = warm
    attach(tenant, None)
    assert code_of(api.get("models")) == (403, "no_policy")
    assert code_of(api.chat()) == (403, "no_policy")
    attach(tenant, "default")
    assert api.chat().status_code == 200
    assert api.get("models").status_code == 200


def test_first_policy_of_an_organization_opens_it(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(entry={"policies": [], "policy": None})
    api = api_of(tenant)
    assert code_of(api.chat()) == (403, "no_policy")
    put(tenant)
    attach(tenant, "default")
    assert api.chat().status_code == 200


def test_opened_endpoint_address_and_model(warm: Warm) -> None:
    tenant, api = warm
    for allow, code in [
        ({"endpoints": ["embeddings"]}, (403, "endpoint_not_allowed")),
        ({"ip_ranges": ["192.0.2.0/24"]}, (403, "address_not_allowed")),
        ({"models": ["gpt-4o"]}, (404, "model_not_found")),
    ]:
        put(tenant, allow=allow)
        api.get("models")  # the worker knows the narrow policy now
        assert code_of(api.chat()) == code
        put(tenant)
        assert api.chat().status_code == 200


def test_new_model_is_found_and_a_deleted_one_is_gone(warm: Warm) -> None:
    tenant, api = warm
    assert code_of(api.chat(model="new")) == (404, "model_not_found")
    services.save_model(
        organization_id=tenant.id,
        alias="new",
        targets=[services.NewTarget("demo", "gpt-4o-mini")],
        actor="test",
    )
    assert api.chat(model="new").status_code == 200
    services.delete_model(organization_id=tenant.id, alias="new", actor="test")
    assert code_of(api.chat(model="new")) == (404, "model_not_found")


def test_suspension_holds_and_ends(warm: Warm) -> None:
    tenant, api = warm
    where: dict[str, Any] = {"organization_id": tenant.id, "actor": "test"}
    key: dict[str, Any] = {"key_id": key_of(tenant).pk}
    for suspend, resume, which in (
        (services.suspend_organization, services.resume_organization, {}),
        (services.suspend_project, services.resume_project, {"slug": "app"}),
        (services.suspend_key, services.resume_key, key),
    ):
        for first in ("chat", "models"):
            assert suspend(**where, **which, reason="a leak")
            assert not suspend(**where, **which, reason="once more")
            ask = {"chat": api.chat, "models": lambda: api.get("models")}
            assert code_of(ask[first]()) == (403, "suspended")
            assert code_of(api.chat(stream=True)) == (403, "suspended")
            assert code_of(api.get("orbit/limits")) == (403, "suspended")
            assert resume(**where, **which)
            assert not resume(**where, **which)
            assert ask[first]().status_code == 200


def test_suspending_a_key_leaves_the_others_alone(warm: Warm) -> None:
    tenant, api = warm
    _, text = services.issue_key(organization_id=tenant.id, project="app", name="second", actor="test")
    second = Api(api.http, text)
    assert second.chat().status_code == 200
    with access.operator():
        key = ApiKey.objects.get(organization_id=tenant.id, name="second")
    services.suspend_key(organization_id=tenant.id, key_id=key.pk, reason="a leak", actor="test")
    assert code_of(second.chat()) == (403, "suspended")
    assert api.chat().status_code == 200
    services.revoke_key(organization_id=tenant.id, key_id=key.pk, actor="test")
    assert code_of(second.chat()) == (401, "invalid_api_key")


def test_deleted_organization_is_refused_until_it_is_restored(warm: Warm) -> None:
    tenant, api = warm
    where: dict[str, Any] = {"organization_id": tenant.id, "actor": "test"}
    services.delete_organization(**where)
    assert code_of(api.get("models")) == (403, "suspended")
    assert code_of(api.chat()) == (403, "suspended")
    services.restore_organization(**where)
    assert api.get("models").status_code == 200
    assert api.chat().status_code == 200


def test_archived_projects_keys_are_refused(warm: Warm) -> None:
    tenant, api = warm
    services.archive_project(organization_id=tenant.id, slug="app", actor="test")
    assert code_of(api.chat()) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"allow": {"endpoints": ["embeddings"]}}, (403, "endpoint_not_allowed")),
        ({"allow": {"ip_ranges": ["192.0.2.0/24"]}}, (403, "address_not_allowed")),
        ({"allow": {"models": ["gpt-4o"]}}, (404, "model_not_found")),
        ({"caps": {"max_body_bytes": 20}}, (413, "body_too_large")),
        ({"caps": {"max_input_tokens": 1}}, (400, "context_length_exceeded")),
    ],
)
def test_narrower_policy_holds_for_the_next_call(
    make_tenant: MakeTenant,
    api_of: ApiOf,
    policy: dict[str, Any],
    expected: tuple[int, str],
    provider: ProviderHandle,
) -> None:
    tenant = make_tenant()
    api = api_of(tenant)
    assert api.chat().status_code == 200
    seen = provider.summary()["requests"]
    put(tenant, **policy)
    assert code_of(api.chat()) == expected
    assert provider.summary()["requests"] == seen


def test_smaller_output_cap_holds_for_the_next_call(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant()
    api = api_of(tenant)
    assert api.chat().status_code == 200
    put(tenant, caps={"max_output_tokens": 5})
    assert api.chat().status_code == 200
    assert provider.requests()[-1]["max_tokens"] == 5


def test_policy_taken_away_holds_for_the_next_call(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant()
    api = api_of(tenant)
    assert api.chat().status_code == 200
    attach(tenant, None)
    assert code_of(api.chat()) == (403, "no_policy")
