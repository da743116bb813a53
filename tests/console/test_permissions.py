from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client

from console import operators
from orbit.launcher.state import PROJECT
from tenants.services import add_member, save_role
from tests.console.conftest import Tenant, make_person, signed_in


def test_printed_tables_are_those_of_the_page() -> None:
    said = io.StringIO()
    call_command("permissions", stdout=said)
    page = (PROJECT / "docs/permissions.md").read_text()
    for table in said.getvalue().strip().split("\n\n"):
        assert table in page


def test_page_takes_the_right_that_it_declares(tenant: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    save_role(**where, name="figures", rights=["usage.read"])
    person = make_person()
    add_member(**where, person=person, role="figures")
    client = signed_in(person)
    assert client.get(tenant.path).status_code == 200
    assert client.get(f"{tenant.path}calls/{tenant.organization.pk}/").status_code == 403
    assert "Figures" in client.get("/organizations/").content.decode()


@pytest.mark.parametrize(
    ("role", "opens", "closed"),
    [
        ("support", ["tenants/organization", "audit/event", "tenants/person"], ["tenants/person/add"]),
        ("billing", ["tenants/organization", "quotas/usagebucket"], ["tenants/policy", "tenants/person"]),
        ("operator", ["tenants/organization", "tenants/person/add"], ["auth/group/add"]),
    ],
)
def test_operators_role_opens_its_part_of_the_admin(role: str, opens: list[str], closed: list[str]) -> None:
    person = make_person(is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    client: Client = signed_in(person)
    for path in opens:
        assert client.get(f"/admin/{path}/").status_code == 200, path
    for path in closed:
        assert client.get(f"/admin/{path}/").status_code == 403, path


def test_groups_are_renewed_and_others_left_alone() -> None:
    own = Group.objects.create(name=f"own-{make_person().pk}")
    billing = Group.objects.get(name="billing")
    before = set(billing.permissions.all())
    own.permissions.set(before)
    billing.permissions.clear()
    operators.ensure_groups()
    assert set(billing.permissions.all()) == set(own.permissions.all()) == before
