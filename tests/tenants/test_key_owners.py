"""Keys that are a member's own or a service account's, and end with them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey, Organization, ServiceAccount
from tests.tenants.conftest import Apply, export
from tests.tenants.guarded import make_person


@pytest.fixture
def where(organization: Organization) -> dict[str, Any]:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    services.save_policy(**where, name="cap", document={"caps": {"max_output_tokens": 5}})
    for slug in ("bot", "web"):
        services.save_project(**where, slug=slug, name=slug)
    return where


def usable(where: dict[str, Any]) -> set[str]:
    with access.scope(organization_id=where["organization_id"]):
        return set(ApiKey.objects.filter(revoked_at=None).values_list("name", flat=True))


def test_members_own_keys_end_with_the_membership(where: dict[str, Any], other: Organization) -> None:
    person = make_person()
    member = services.add_member(**where, person=person, role="auditor").row
    services.add_member(organization_id=other.id, person=person, role="owner", actor="test")
    elsewhere: dict[str, Any] = {"organization_id": other.id, "actor": "test"}
    services.save_project(**elsewhere, slug="bot", name="Bot")
    services.issue_key(**elsewhere, project="bot", name="elsewhere", owner=person.email)
    key, _ = services.issue_key(**where, project="bot", name="own", owner=person.email.upper(), policy="cap")
    services.issue_key(**where, project="web", name="own-too", owner=person.email)
    services.issue_key(**where, project="bot", name="projects")
    assert (key.owner, key.policy and key.policy.name) == (person.email, "cap")
    services.remove_member(**where, member_id=member.pk)
    assert usable(where) == {"projects"}
    assert usable(elsewhere) == {"elsewhere"}


def test_service_accounts_keys_end_with_it(where: dict[str, Any]) -> None:
    account = services.create_service_account(**where, project="bot", name="ci").row
    assert not services.create_service_account(**where, project="bot", name="ci").changed
    key, _ = services.issue_key(**where, project="bot", name="its", owner="ci")
    services.issue_key(**where, project="bot", name="projects")
    assert key.service_account == account
    services.remove_service_account(**where, project="bot", name="ci")
    assert usable(where) == {"projects"}
    with pytest.raises(InputError, match="no service account"):
        services.issue_key(**where, project="bot", name="late", owner="ci")
    with pytest.raises(InputError, match="no service account"):
        services.remove_service_account(**where, project="bot", name="ci")
    assert services.create_service_account(**where, project="bot", name="ci").created


def test_service_accounts_end_with_their_project(where: dict[str, Any]) -> None:
    services.create_service_account(**where, project="bot", name="ci")
    services.archive_project(**{**where, "slug": "bot"})
    services.save_project(**where, slug="bot", name="Bot")
    with access.scope(organization_id=where["organization_id"]):
        assert not ServiceAccount.objects.filter(removed_at=None).exists()


def test_owner_is_a_member_or_of_the_same_project(where: dict[str, Any]) -> None:
    services.create_service_account(**where, project="web", name="ci")
    gone = make_person()
    services.add_member(**where, person=gone, role="auditor")
    gone.is_active = False
    gone.save()
    for owner in ("ci", "stranger@example.com", make_person().email, gone.email):
        with pytest.raises(InputError) as refused:
            services.issue_key(**where, project="bot", name="key", owner=owner)
        assert refused.value.path == "owner"
    assert usable(where) == set()


def test_database_keeps_a_key_and_its_service_account_in_one_project(where: dict[str, Any]) -> None:
    account = services.create_service_account(**where, project="web", name="ci").row
    key, _ = services.issue_key(**where, project="bot", name="key")
    with (
        pytest.raises(IntegrityError, match="same_project"),
        access.scope(organization_id=where["organization_id"]),
    ):
        ApiKey.objects.filter(pk=key.pk).update(service_account=account)
    with (
        pytest.raises(IntegrityError, match="key_one_owner"),
        access.scope(organization_id=where["organization_id"]),
    ):
        ApiKey.objects.filter(pk=key.pk).update(service_account=account, person=make_person())


def test_file_says_whose_keys(apply: Apply, slug: str, other: Organization) -> None:
    person = make_person()
    project: dict[str, Any] = {
        "slug": "bot",
        "service_accounts": ["ci", "batch"],
        "keys": [{"name": "a", "owner": "ci"}, {"name": "b"}],
    }
    entry = {"slug": slug, "projects": [project]}
    plan = {step["path"]: step["kind"] for step in apply(entry).json["plan"]}
    assert plan[f"{slug}/bot/ci"] == "service_account"
    assert apply(entry).json["changed"] is False
    assert export(slug)["projects"][0]["keys"][0]["owner"] == "ci"
    with access.operator():
        organization = Organization.objects.get(slug=slug)
    services.add_member(organization_id=organization.pk, person=person, role="auditor", actor="test")
    project["keys"].append({"name": "c", "owner": person.email})
    assert apply(entry).code == 0
    assert apply(export(slug)).json["changed"] is False
    project["service_accounts"] = ["ci", "ci"]
    assert "already" in apply(entry).error_at("organizations[0].projects[0].service_accounts[1]")["message"]
    project["service_accounts"] = ["ci"]
    plan_of = {step["path"]: step["op"] for step in apply(entry, options=("--json", "--prune")).json["plan"]}
    assert plan_of == {f"{slug}/bot/batch": "delete"}
    project["keys"][1]["owner"] = "ci"
    answer = apply(entry)
    assert answer.code == 2
    assert "for good" in answer.error_at("organizations[0].projects[0].keys[1].owner")["message"]
