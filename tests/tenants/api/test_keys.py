from __future__ import annotations

from typing import Any

import pytest

from tenants import services
from tenants.models import ApiKey, Organization
from tests.tenants.api.conftest import CallAs, Caller


def test_a_key_is_told_once(admin: Caller, key: ApiKey, slug: str) -> None:
    made = admin("POST", f"organizations/{slug}/keys", {"project": "bot", "name": "new"}).json()
    assert made["secret"].startswith("orb_")
    shown = admin("GET", f"organizations/{slug}/keys/{made['id']}").json()
    assert "secret" not in shown
    assert made["secret"] not in str(shown)
    assert shown == {name: value for name, value in made.items() if name != "secret"}


def test_a_patch_leaves_what_it_does_not_name(admin: Caller, key: ApiKey, slug: str) -> None:
    path = f"organizations/{slug}/keys/{key.pk}"
    narrowed = {"endpoints": ["messages"]}
    assert admin("PATCH", path, {"allow": narrowed, "rotate_after_days": 30}).status_code == 200
    shown = admin("PATCH", path, {"expires_at": "2031-01-01T00:00:00Z"}).json()
    assert (shown["allow"], shown["rotate_after_days"]) == (narrowed, 30)
    assert shown["expires_at"] == "2031-01-01T00:00:00.000000Z"
    assert admin("PATCH", path, {"expires_at": None}).json()["expires_at"] is None


def test_a_rotation_tells_the_new_secret(admin: Caller, key: ApiKey, slug: str) -> None:
    path = f"organizations/{slug}/keys/{key.pk}"
    made = admin("POST", f"{path}/rotate", {"overlap_s": 3600}).json()
    assert made["secret"].startswith("orb_")
    assert [one["hint"] for one in made["former_secrets"]] == [key.hint]


@pytest.mark.parametrize(
    ("verb", "state"), [("suspend", "suspended"), ("resume", "usable"), ("revoke", "revoked")]
)
def test_verbs_show_the_key_as_it_is_then(
    admin: Caller, key: ApiKey, slug: str, verb: str, state: str
) -> None:
    assert admin("POST", f"organizations/{slug}/keys/{key.pk}/{verb}", {}).json()["state"] == state


@pytest.mark.parametrize("verb", ["suspend", "resume", "revoke", "rotate"])
def test_a_foreign_key_is_none(
    call_as: CallAs, key: ApiKey, other: Organization, slug: str, verb: str
) -> None:
    foreigner = call_as(of=other)
    for path in (f"organizations/{other.slug}/keys/{key.pk}", f"organizations/{slug}/keys/{key.pk}"):
        assert foreigner("GET", path).status_code == 404
        assert foreigner("POST", f"{path}/{verb}", {}).status_code == 404


def test_many_are_revoked_at_once_and_never_all(admin: Caller, key: ApiKey, slug: str) -> None:
    path = f"organizations/{slug}/keys"
    admin("POST", path, {"project": "bot", "name": "other"})
    assert admin("POST", f"{path}/revoke", {}).json()["errors"][0]["field"] == "selection"
    assert admin("POST", f"{path}/revoke", {"name": "prod*"}).json() == {"revoked": 1}
    assert [row["name"] for row in admin("GET", path).json()["data"]] == ["other"]


def test_a_policy_on_an_open_key_takes_the_right_to_attach(
    call_as: CallAs, admin: Caller, key: ApiKey, organization: Organization, slug: str
) -> None:
    services.save_policy(organization_id=organization.pk, name="default", document={}, actor="test")
    body = {"project": "bot", "name": "new", "policy": "default"}
    issuer = call_as("keys.issue")
    refused = issuer("POST", f"organizations/{slug}/keys", body)
    assert refused.status_code == 403
    assert "policies.attach" in refused.json()["detail"]
    assert admin("POST", f"organizations/{slug}/keys", body).status_code == 201


def test_nobody_gives_a_scope_that_they_lack(call_as: CallAs, slug: str) -> None:
    path = f"organizations/{slug}/management-keys"
    clerk = call_as("management_keys.write", "usage.read", "organization.read")
    body: dict[str, Any] = {"name": "new", "scopes": ["usage.read", "keys.issue"]}
    refused = clerk("POST", path, body)
    assert refused.status_code == 403
    assert "keys.issue" in refused.json()["detail"]
    made = clerk("POST", path, body | {"scopes": ["usage.read"]}).json()
    assert made["secret"].startswith("orbm_")
    shown = clerk("GET", path).json()["data"]
    assert made["secret"] not in str(shown)
    assert clerk("POST", f"{path}/{made['id']}/revoke").json()["works"] is False


def test_no_organizations_key_holds_an_operators_scope(admin: Caller, slug: str) -> None:
    body = {"name": "new", "scopes": ["organizations.create"]}
    answer = admin("POST", f"organizations/{slug}/management-keys", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "scopes")


def test_an_own_key_takes_a_member(admin: Caller, slug: str) -> None:
    body = {"name": "new", "scopes": ["usage.read"], "own": True}
    answer = admin("POST", f"organizations/{slug}/management-keys", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "own")
