"""The declarative file over the API: as the command does it, and with no more rights than the caller has."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import keys, services
from tenants.models import ApiKey, Organization, Policy
from tenants.rights import ALL, BUILT_IN, SCOPES, Right
from tests.tenants.api.conftest import CallAs, Caller, caller
from tests.tenants.conftest import SECRET


@pytest.fixture
def path(slug: str) -> str:
    return f"organizations/{slug}/apply"


def file(*organizations: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "organizations": list(organizations)}


def small(slug: str, **changed: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "policies": [{"name": "default"}],
        "projects": [{"slug": "bot", "policy": "default", "keys": [{"name": "main"}]}],
        **changed,
    }


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [one["field"] for one in answer.json()["errors"]]


def acts(organization: Organization) -> list[tuple[str, str]]:
    with access.scope(organization_id=organization.pk):
        details = [one.event["detail"] for one in OutboxEntry.objects.order_by("id")]
    return [(one["actor"], one["action"]) for one in details]


def policies(organization: Organization) -> list[str]:
    with access.scope(organization_id=organization.pk):
        return sorted(Policy.objects.values_list("name", flat=True))


def test_a_file_is_applied_once_and_then_changes_nothing(
    admin: Caller, organization: Organization, path: str, slug: str, entry: dict[str, Any]
) -> None:
    del entry["provider_accounts"][1]["credential"]  # env:// is the operator's
    first = admin("POST", path, {"document": file(entry)})
    assert first.status_code == 200, first.json()
    said = first.json()
    assert said["changed"] is True
    assert {"op": "create", "kind": "project", "path": f"{slug}/search"} == {
        name: value for name, value in said["plan"][-1].items() if name != "fields"
    }
    assert [(one["project"], one["name"]) for one in said["keys"]] == [
        ("chatbot", "production"),
        ("chatbot", "staging"),
    ]
    assert all(keys.well_formed(one["secret"]) for one in said["keys"])
    assert any("secret stands in the file" in one for one in said["warnings"])
    assert SECRET not in first.content.decode()
    again = admin("POST", path, {"document": file(entry)}).json()
    assert (again["changed"], again["plan"], again["keys"]) == (False, [], [])
    by_whom = {action: actor for actor, action in acts(organization)}
    made = ("account.create", "model.create", "policy.create", "project.create", "key.issue")
    assert {by_whom[action] for action in made} == {"management key key-0"}


def test_what_is_exported_can_be_put_back(
    admin: Caller, operator: Caller, path: str, slug: str, entry: dict[str, Any]
) -> None:
    assert operator("POST", path, {"document": file(entry)}).status_code == 200
    exported = admin("GET", f"organizations/{slug}/export")
    assert SECRET not in exported.content.decode()
    assert exported.json()["organizations"][0]["projects"][0]["keys"][0]["name"] == "production"
    back = admin("POST", path, {"document": exported.json(), "prune": True})
    assert (back.status_code, back.json()["plan"]) == (200, [])


def test_a_dry_run_keeps_nothing(admin: Caller, organization: Organization, path: str, slug: str) -> None:
    before = acts(organization)
    said = admin("POST", path, {"document": file(small(slug)), "dry_run": True}).json()
    assert (said["changed"], len(said["plan"]), said["keys"]) == (True, 3, [])
    assert (policies(organization), acts(organization)) == ([], before)
    with access.scope(organization_id=organization.pk):
        assert not ApiKey.objects.exists()


def test_prune_removes_what_is_not_named(
    admin: Caller, organization: Organization, path: str, slug: str
) -> None:
    admin("POST", path, {"document": file(small(slug))})
    kept = admin("POST", path, {"document": file({"slug": slug})}).json()
    assert kept["plan"] == []
    said = admin("POST", path, {"document": file({"slug": slug}), "prune": True}).json()
    assert [(one["op"], one["kind"]) for one in said["plan"]] == [
        ("delete", "key"),
        ("delete", "project"),
        ("delete", "policy"),
    ]
    assert policies(organization) == []


def test_what_is_wrong_is_told_by_its_place_and_undoes_all(
    admin: Caller, organization: Organization, path: str, slug: str, other: Organization
) -> None:
    for document, field in (
        (file(small(slug, time_zone="Moon")), "document.organizations[0].time_zone"),
        (file(small(slug, policy="none")), "document.organizations[0].policy"),
        (file({**small(slug), "slug": other.slug}), "document.organizations"),
        (file(small(slug), {"slug": other.slug}), "document.organizations"),
        (file(small(slug), small(slug)), "document.organizations"),
        (file(), "document.organizations"),
        ({"version": 1}, "document.organizations"),
        ({"version": 1, "organizations": [7]}, "document.organizations"),
        ({"version": 2, "organizations": [small(slug)]}, "document.version"),
        (
            file(small(slug, roles=[{"name": "more", "rights": ["keys.isue"]}])),
            "document.organizations[0].roles[0].rights[0]",
        ),
        (
            file(
                small(
                    slug,
                    provider_accounts=[{"name": "main", "kind": "openai", "credential": {"ref": "env://K"}}],
                )
            ),
            "document.organizations[0].provider_accounts[0].credential.ref",
        ),
    ):
        assert fields(admin("POST", path, {"document": document})) == [field]
    assert fields(admin("POST", path, {"document": "slug: x"})) == ["document"]
    assert fields(admin("POST", path, {"document": file(small(slug)), "force": True})) == ["force"]
    assert policies(organization) == []


@pytest.mark.parametrize(
    ("lacking", "section"),
    [
        (Right.ORGANIZATION_WRITE, {}),
        (Right.POLICIES_WRITE, {"policies": [{"name": "p"}]}),
        (Right.MODELS_WRITE, {"models": [{"alias": "m", "targets": [{"account": "main", "model": "x"}]}]}),
        (Right.ACCOUNTS_WRITE, {"provider_accounts": [{"name": "new", "kind": "openai"}]}),
        (Right.PROJECTS_WRITE, {"projects": [{"slug": "new"}]}),
        (Right.PROJECTS_WRITE, {"projects": [{"slug": "old", "service_accounts": ["ci"]}]}),
        (Right.POLICIES_ATTACH, {"projects": [{"slug": "new", "policy": "default"}]}),
        (Right.POLICIES_ATTACH, {"policy": "default"}),
        (Right.KEYS_ISSUE, {"projects": [{"slug": "old", "keys": [{"name": "new"}]}]}),
        (Right.KEYS_WRITE, {"projects": [{"slug": "old", "keys": [{"name": "k", "rotate_after_days": 9}]}]}),
        (Right.ROLES_WRITE, {"roles": [{"name": "new", "rights": []}]}),
        (Right.ORGANIZATION_DELETE, {"roles": [{"name": "new", "rights": ["organization.delete"]}]}),
        (Right.PRICES_WRITE, {"prices": [{"provider": "openai", "model": "x", "free": True}]}),
    ],
)
def test_each_step_takes_its_right_and_what_came_before_it_is_undone(
    call_as: CallAs, organization: Organization, path: str, slug: str, lacking: Right, section: dict[str, Any]
) -> None:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_account(**where, name="main", kind="openai")
    services.save_policy(**where, name="default", document={})
    services.save_project(**where, slug="old", name="old")
    services.issue_key(**where, project="old", name="k")
    almost = call_as(*sorted(ALL - {lacking}))
    before = acts(organization)
    document = file({"slug": slug, "name": "Renamed", **section})
    refused = almost("POST", path, {"document": document})
    assert refused.status_code == 403
    assert lacking in refused.json()["detail"]
    assert acts(organization) == before
    assert call_as()("POST", path, {"document": document}).status_code == 200


def test_each_thing_pruned_takes_its_right(
    call_as: CallAs, organization: Organization, path: str, slug: str
) -> None:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_policy(**where, name="default", document={})
    refused = call_as(*sorted(ALL - {Right.POLICIES_WRITE}))(
        "POST", path, {"document": file({"slug": slug}), "prune": True}
    )
    assert refused.status_code == 403
    assert policies(organization) == ["default"]


def test_another_organization_is_none_and_an_exports_scopes_are_three(
    call_as: CallAs, other: Organization, path: str, slug: str
) -> None:
    stranger = call_as(of=other)
    assert stranger("POST", path, {"document": file(small(slug))}).status_code == 404
    assert stranger("GET", f"organizations/{slug}/export").status_code == 404
    whole = {"organization.read", "keys.read", "members.read"}
    assert call_as(*whole)("GET", f"organizations/{slug}/export").status_code == 200
    for lacking in whole:
        refused = call_as(*whole - {lacking})("GET", f"organizations/{slug}/export")
        assert refused.status_code == 403
        assert lacking in refused.json()["detail"]


def test_an_apply_under_an_idempotency_key_happens_once(admin: Caller, path: str, slug: str) -> None:
    body = {"document": file(small(slug))}
    first = admin("POST", path, body, Idempotency_Key="one")
    second = admin("POST", path, body, Idempotency_Key="one")
    assert second.json() == first.json()
    assert second.json()["keys"][0]["secret"]


# Operators


def test_an_operator_applies_several_organizations(
    operator: Caller, organization: Organization, other: Organization
) -> None:
    new = f"new-{organization.slug}"
    document = file(small(new), small(organization.slug), small(other.slug))
    said = operator("POST", "apply", {"document": document, "reason": "a start"}).json()
    made = [one["path"] for one in said["plan"] if one["kind"] == "organization" and one["op"] == "create"]
    assert made == [new]
    assert {one["organization"] for one in said["keys"]} == {new, organization.slug, other.slug}
    assert operator("POST", "apply", {"document": document}).json()["plan"] == []
    assert acts(other)[-1] == (f"operator key op-{organization.slug}", "key.issue")


def test_one_organization_that_fails_undoes_the_others(
    operator: Caller, organization: Organization, other: Organization
) -> None:
    services.delete_organization(organization_id=other.pk, actor="test")
    document = file(small(organization.slug), small(other.slug))
    assert fields(operator("POST", "apply", {"document": document})) == ["document.organizations[1].slug"]
    assert policies(organization) == []


def test_a_file_of_several_is_the_operators(admin: Caller, organization: Organization, slug: str) -> None:
    assert admin("POST", "apply", {"document": file(small(slug))}).status_code == 403
    assert policies(organization) == []


def operator_with(slug: str, *scopes: str) -> Caller:
    _, text = services.issue_operator_key(name=f"some-{slug}", scopes=scopes, actor="test")
    return caller(text)


def test_a_new_organization_takes_the_scope_for_it(slug: str) -> None:
    some = operator_with(slug, *sorted(set(SCOPES) - {"organizations.create"}))
    refused = some("POST", "apply", {"document": file(small(f"new-{slug}"))})
    assert refused.status_code == 403
    assert "organizations.create" in refused.json()["detail"]
    with access.operator():
        assert not Organization.objects.filter(slug=f"new-{slug}").exists()


def test_an_operators_apply_has_the_operators_scopes_only(organization: Organization, slug: str) -> None:
    some = operator_with(slug, "installation.apply", *BUILT_IN["auditor"])
    refused = some("POST", "apply", {"document": file(small(slug))})
    assert refused.status_code == 403
    assert policies(organization) == []
