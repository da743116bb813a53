from __future__ import annotations

import io
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
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


def test_operator_does_not_get_at_a_superusers_account() -> None:
    clerk, chief = make_person(is_staff=True), make_person(is_staff=True, is_superuser=True)
    clerk.groups.add(Group.objects.get(name="operator"))
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["account", "mfa"]))
    owned = EmailAddress.objects.create(user=chief, email=chief.email, verified=True, primary=True)
    factor = Authenticator.objects.create(user=chief, type=Authenticator.Type.TOTP, data={})
    plain = Authenticator.objects.create(user=make_person(), type=Authenticator.Type.TOTP, data={})
    client = signed_in(clerk)
    form = {"user": chief.pk, "email": clerk.email, "verified": "on", "primary": "on"}
    for path in ("add", f"{owned.pk}/change", f"{owned.pk}/delete"):
        assert client.post(f"/admin/account/emailaddress/{path}/", form | {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "post": "yes", "_selected_action": [factor.pk, plain.pk]}
    client.post("/admin/mfa/authenticator/", many)
    assert Authenticator.objects.filter(pk__in=[factor.pk, plain.pk]).count() == 2
    assert client.post(f"/admin/mfa/authenticator/{plain.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(EmailAddress.objects.filter(user=chief)) == [owned]


def test_groups_are_renewed_and_others_left_alone() -> None:
    own = Group.objects.create(name=f"own-{make_person().pk}")
    billing = Group.objects.get(name="billing")
    before = set(billing.permissions.all())
    own.permissions.set(before)
    billing.permissions.clear()
    operators.ensure_groups()
    assert set(billing.permissions.all()) == set(own.permissions.all()) == before
