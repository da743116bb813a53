"""An organization's own roles: what they give, to whom, and how they are kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import CustomRole, Membership, Organization
from tenants.rights import Right, may
from tenants.services.saved import Saved
from tests.tenants.conftest import Apply, export
from tests.tenants.guarded import Join, join, make_person

__all__ = ["join"]


def test_changes_of_members_and_roles_are_acts(organization: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": organization.id}
    owner, member = join("owner"), join("auditor")
    services.save_role(**where, name="reader", rights=["calls.read", "usage.read"], actor=owner)
    services.save_role(**where, name="reader", rights=["usage.read", "calls.read"], actor=owner)  # the same
    services.change_role(**where, member_id=member.pk, role="reader", actor=owner)
    services.remove_member(**where, member_id=member.pk, actor=owner)
    services.delete_role(**where, name="reader", actor=owner)
    with access.scope(organization_id=organization.id):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")][-4:]
    email = member.person.email
    assert {act["actor"] for act in acts} == {owner.person.email}
    rights = {"rights": ["usage.read", "calls.read"]}
    assert [(act["action"], act["target"], act["before"], act["after"]) for act in acts] == [
        ("role.create", "reader", None, rights),
        ("member.update", email, {"role": "auditor"}, {"role": "reader"}),
        ("member.remove", email, {"role": "reader"}, None),
        ("role.delete", "reader", rights, None),
    ]


def test_custom_roles_rights_are_those_of_its_holders_at_once(organization: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    services.save_role(**where, name="reader", rights=["usage.read"])
    member = join("reader")
    services.save_role(**where, name="reader", rights=["calls.read"])
    with access.scope(person_id=member.person_id):
        held = Membership.objects.select_related("custom_role").get()
    assert held.role_name == "reader"
    assert may(held, Right.CALLS_READ)
    assert not may(held, Right.USAGE_READ)


def test_custom_role_names_and_rights_are_checked(organization: Organization, join: Join) -> None:
    def save(name: str, *rights: str) -> Saved[CustomRole]:
        return services.save_role(organization_id=organization.id, name=name, rights=rights, actor="test")

    for name, rights, message in (
        ("owner", ("usage.read",), "built in"),
        ("Two words", ("usage.read",), "name"),
        ("new", ("usage.reed",), "did you mean 'usage.read'"),
    ):
        with pytest.raises(InputError, match=message):
            save(name, *rights)
    save("held", "usage.read")
    join("held")
    with pytest.raises(InputError, match="members still have"):
        services.delete_role(organization_id=organization.id, name="held", actor="test")


def test_a_person_sees_only_the_custom_role_that_they_hold(organization: Organization, join: Join) -> None:
    for name in ("mine", "theirs"):
        services.save_role(organization_id=organization.id, name=name, rights=["usage.read"], actor="test")
    member = join("mine")
    join("theirs")
    with access.scope(person_id=member.person_id), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM tenants_customrole")
        assert cursor.fetchall() == [("mine",)]


def test_a_word_that_is_no_right_any_more_gives_nothing(organization: Organization) -> None:
    role = CustomRole(organization=organization, name="old", words=["usage.read", "gone.with.the.wind"])
    assert role.rights == {Right.USAGE_READ}


def test_file_makes_changes_and_prunes_custom_roles(apply: Apply, slug: str) -> None:
    entry: dict[str, Any] = {
        "slug": slug,
        "roles": [{"name": "reader", "rights": ["calls.read", "usage.read"]}, {"name": "empty"}],
    }
    assert [step["kind"] for step in apply(entry).json["plan"]] == ["organization", "role", "role"]
    assert apply(entry).json["changed"] is False
    assert export(slug)["roles"] == [
        {"name": "empty", "rights": []},
        {"name": "reader", "rights": ["usage.read", "calls.read"]},
    ]
    assert apply(export(slug)).json["changed"] is False
    entry["roles"] = [{"name": "reader", "rights": ["usage.read"]}]
    plan = apply(entry, options=("--json", "--prune")).json["plan"]
    assert [(step["op"], step["path"], step["fields"]) for step in plan] == [
        ("update", f"{slug}/reader", ["rights"]),
        ("delete", f"{slug}/empty", []),
    ]
    with access.operator():
        organization_id = Organization.objects.get(slug=slug).pk
    services.add_member(organization_id=organization_id, person=make_person(), role="reader", actor="test")
    refused = apply({"slug": slug}, options=("--json", "--prune"))
    assert "members still have 'reader'" in refused.error_at("organizations[0].role")["message"]
    for roles, path, message in (
        ([{"name": "owner"}], "roles[0].name", "built in"),
        ([{"name": "x", "rights": ["usage.reed"]}], "roles[0].rights[0]", "not known"),
        ([{"name": "x"}, {"name": "x"}], "roles[1].name", "already"),
    ):
        error = apply({"slug": slug, "roles": roles}).error_at(f"organizations[0].{path}")
        assert message in error["message"]
