from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from orbit.lib import access
from tenants.models import Membership
from tests.console.conftest import Tenant, make_person


def run(*argv: str) -> str:
    said = io.StringIO()
    call_command("add_member", *argv, stdout=said)
    return said.getvalue()


def test_person_becomes_a_member_with_a_role(tenant: Tenant) -> None:
    person = make_person()
    slug = tenant.organization.slug
    assert (
        run(slug, person.email.upper(), "--role", "finance") == f"{person.email} is now finance of {slug}.\n"
    )
    assert run(slug, person.email, "--role", "finance") == f"{person.email} is already finance of {slug}.\n"
    with access.scope(organization_id=tenant.organization.pk):
        assert Membership.objects.get(person=person).role == "finance"


@pytest.mark.parametrize("which", ["organization", "person"])
def test_unknown_names_are_refused(tenant: Tenant, which: str) -> None:
    argv = (
        ["no-such", tenant.owner.email]
        if which == "organization"
        else [tenant.organization.slug, "no@one.example"]
    )
    with pytest.raises(CommandError) as refused:
        run(*argv)
    assert refused.value.returncode == 2
