"""Members, roles and service accounts over the API."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from orbit.lib import access
from tenants import services
from tenants.models import ApiKey, Membership, Organization, Person
from tenants.rights import BUILT_IN
from tests.tenants.api.conftest import CallAs, Caller

Join = Callable[[str], Membership]


@pytest.fixture
def join(organization: Organization) -> Join:
    def joined(role: str) -> Membership:
        person = Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test")
        where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
        return services.add_member(**where, person=person, role=role).row

    return joined


@pytest.fixture
def path(slug: str) -> str:
    return f"organizations/{slug}"


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [one["field"] for one in answer.json()["errors"]]


def test_members_are_listed_by_role_and_address(admin: Caller, path: str, join: Join) -> None:
    owner, auditor = join("owner"), join("auditor")
    services.save_role(
        organization_id=owner.organization_id, name="reader", rights=["usage.read"], actor="test"
    )
    reader = join("reader")
    listed = admin("GET", f"{path}/members").json()["data"]
    assert {one["email"]: one["role"] for one in listed} == {
        owner.person.email: "owner",
        auditor.person.email: "auditor",
        reader.person.email: "reader",
    }
    assert [one["rights"] for one in listed if one["role"] == "reader"] == [["usage.read"]]
    for query in ("role=reader", f"email={reader.person.email.upper()}"):
        found = admin("GET", f"{path}/members?{query}").json()["data"]
        assert [one["id"] for one in found] == [str(reader.pk)]


def test_a_member_gets_another_role_and_goes(admin: Caller, path: str, join: Join) -> None:
    join("owner")
    here = f"{path}/members/{join('auditor').pk}"
    changed = admin("PATCH", here, {"role": "developer"})
    assert (changed.status_code, changed.json()["role"]) == (200, "developer")
    assert fields(admin("PATCH", here, {"role": "develloper"})) == ["role"]
    assert fields(admin("PATCH", here, {})) == ["role"]
    assert fields(admin("PATCH", here, {"role": "developer", "rights": ["keys.issue"]})) == ["rights"]
    assert admin("DELETE", here).status_code == 204
    assert admin("GET", here).status_code == 404


def test_the_last_owner_stays(admin: Caller, path: str, join: Join) -> None:
    here = f"{path}/members/{join('owner').pk}"
    assert fields(admin("DELETE", here)) == ["member"]
    assert fields(admin("PATCH", here, {"role": "admin"})) == ["member"]


def test_members_of_another_organization_are_none(
    call_as: CallAs, other: Organization, path: str, join: Join
) -> None:
    stranger, member = call_as(of=other), join("auditor")
    for place in (path, f"organizations/{other.slug}"):
        for method in ("GET", "PATCH", "DELETE"):
            answer = stranger(method, f"{place}/members/{member.pk}", {"role": "owner"})
            assert answer.status_code == 404
    assert stranger("GET", f"organizations/{other.slug}/members").json()["data"] == []


def test_members_take_their_scopes(call_as: CallAs, path: str, join: Join) -> None:
    here, reader = f"{path}/members/{join('auditor').pk}", call_as("members.read", "organization.read")
    assert reader("GET", here).status_code == 200
    assert reader("PATCH", here, {"role": "owner"}).status_code == 403
    assert reader("DELETE", here).status_code == 403
    assert call_as("organization.read")("GET", f"{path}/members").status_code == 403


def test_built_in_roles_are_there_to_be_read(admin: Caller, path: str) -> None:
    said = admin("GET", "roles").json()
    assert {one["name"]: set(one["rights"]) for one in said["roles"]} == BUILT_IN
    assert {one["name"] for one in said["rights"]} == BUILT_IN["owner"]
    assert admin("GET", f"{path}/roles/finance").json()["built_in"] is True
    assert admin("GET", f"{path}/roles").json()["data"] == []
    assert fields(admin("PUT", f"{path}/roles/finance", {"rights": []})) == ["name"]
    assert fields(admin("DELETE", f"{path}/roles/finance")) == ["role"]


def test_a_role_is_put_changed_and_deleted(admin: Caller, path: str, join: Join) -> None:
    here = f"{path}/roles/reader"
    made = admin("PUT", here, {"rights": ["calls.read", "usage.read"]})
    assert made.status_code == 201
    assert made.json() == {"name": "reader", "rights": ["usage.read", "calls.read"], "built_in": False}
    assert admin("PUT", here, {"rights": ["usage.read"]}).status_code == 200
    assert admin("GET", f"{path}/roles").json()["data"] == [
        {"name": "reader", "rights": ["usage.read"], "built_in": False}
    ]
    assert fields(admin("PUT", here, {"rights": ["usage.reed"]})) == ["rights"]
    assert fields(admin("PUT", here, {"rights": "usage.read"})) == ["rights"]
    assert fields(admin("PUT", here, {"rights": [], "words": []})) == ["words"]
    member = join("reader")
    assert fields(admin("DELETE", here)) == ["role"]
    admin("PATCH", f"{path}/members/{member.pk}", {"role": "auditor"})
    assert admin("DELETE", here).status_code == 204
    assert admin("GET", here).status_code == 404


def test_roles_take_their_scopes_and_organization(call_as: CallAs, other: Organization, path: str) -> None:
    here = f"{path}/roles/reader"
    assert call_as()("PUT", here, {"rights": ["usage.read"]}).status_code == 201
    assert call_as("members.read")("PUT", here, {"rights": []}).status_code == 403
    assert call_as("members.read")("DELETE", here).status_code == 403
    for method in ("GET", "PUT", "DELETE"):
        assert call_as(of=other)(method, here, {"rights": []}).status_code == 404
    own = here.replace(path.split("/")[1], other.slug)
    assert call_as(of=other)("GET", own).status_code == 404


def test_a_service_account_is_made_and_goes_with_its_keys(
    admin: Caller, organization: Organization, path: str, key: ApiKey
) -> None:
    made = admin("POST", f"{path}/service-accounts", {"project": "bot", "name": "ci"})
    assert made.status_code == 201
    assert (made.json()["project"], made.json()["name"]) == ("bot", "ci")
    again = admin("POST", f"{path}/service-accounts", {"project": "bot", "name": "ci"})
    assert fields(again) == ["name"]
    issued = admin("POST", f"{path}/keys", {"project": "bot", "name": "of-ci", "owner": "ci"})
    assert issued.json()["owner"] == "ci"
    for query in ("project=bot", "name=ci", ""):
        found = admin("GET", f"{path}/service-accounts?{query}").json()["data"]
        assert [one["id"] for one in found] == [made.json()["id"]]
    here = f"{path}/service-accounts/{made.json()['id']}"
    assert admin("GET", here).json() == made.json()
    assert admin("DELETE", here).status_code == 204
    assert admin("GET", here).status_code == 404
    with access.scope(organization_id=organization.pk):
        assert ApiKey.objects.get(pk=issued.json()["id"]).revoked_at is not None
        assert ApiKey.objects.get(pk=key.pk).revoked_at is None


def test_service_accounts_refuse_what_is_wrong(
    admin: Caller, call_as: CallAs, other: Organization, path: str, key: ApiKey
) -> None:
    there = f"{path}/service-accounts"
    assert fields(admin("POST", there, {"project": "bott", "name": "ci"})) == ["project"]
    assert fields(admin("POST", there, {"project": "bot", "name": "no way"})) == ["name"]
    assert fields(admin("POST", there, {"project": "bot"})) == ["name"]
    body = {"project": "bot", "name": "ci"}
    assert call_as("organization.read")("POST", there, body).status_code == 403
    assert call_as(of=other)("POST", there, body).status_code == 404
    here = f"{there}/{admin('POST', there, body).json()['id']}"
    assert call_as("organization.read")("DELETE", here).status_code == 403
    for place in (here, here.replace(path, f"organizations/{other.slug}")):
        assert call_as(of=other)("DELETE", place).status_code == 404
    assert admin("GET", here).status_code == 200
