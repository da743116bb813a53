from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orbit.lib import access
from quotas.rollups import bucket_start
from tenants import services
from tenants.models import CustomRole, Membership
from tenants.rights import BUILT_IN, Right
from tests.console.conftest import Tenant, make_person, signed_in


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


def _role(tenant: Tenant, name: str) -> CustomRole | None:
    with access.scope(organization_id=tenant.organization.pk):
        return CustomRole.objects.filter(name=name).first()


def test_the_grid_is_that_of_the_printed_table(tenant: Tenant, client: Client) -> None:
    services.save_role(**_where(tenant), name="reader", rights=["usage.read"])
    shown = client.get(f"{tenant.path}members/roles/").context
    assert shown["columns"] == [*BUILT_IN, "reader"]
    for right, _, cells in shown["lines"]:
        held = {name for name, holds in cells if holds}
        wanted = {name for name, rights in BUILT_IN.items() if right in rights}
        assert held == wanted | ({"reader"} if right == "usage.read" else set())


def test_a_role_is_made_changed_given_and_deleted(tenant: Tenant, client: Client) -> None:
    path = f"{tenant.path}members/roles/"
    client.post(f"{path}new/", {"name": "lead", "rights": ["usage.read", "keys.issue"]})
    role = _role(tenant, "lead")
    assert role is not None
    assert role.rights == {Right.USAGE_READ, Right.KEYS_ISSUE}
    client.post(f"{path}{role.pk}/save/", {"rights": ["usage.read"]})
    changed = _role(tenant, "lead")
    assert changed is not None
    assert changed.rights == {Right.USAGE_READ}
    member = services.add_member(**_where(tenant), person=make_person(), role="lead").row
    assert client.get(f"{path}{role.pk}/").context["holders"] == 1
    assert "members still have" in client.post(f"{path}{role.pk}/delete/", follow=True).content.decode()
    services.change_role(**_where(tenant), member_id=member.pk, role="auditor")
    client.post(f"{path}{role.pk}/delete/")
    assert _role(tenant, "lead") is None


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": "NOT OK"}, "name"),
        ({"name": "owner"}, "name"),
        ({"name": "taken"}, "name"),
        ({"rights": []}, "rights"),
        ({"rights": ["everything"]}, "rights"),
    ],
)
def test_what_is_wrong_is_told(tenant: Tenant, client: Client, typed: dict[str, Any], about: str) -> None:
    services.save_role(**_where(tenant), name="taken", rights=["usage.read"])
    answer = client.post(
        f"{tenant.path}members/roles/new/", {"name": "fine", "rights": ["calls.read"]} | typed
    )
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    taken = _role(tenant, "taken")
    assert taken is not None
    assert taken.words == ["usage.read"]


def test_nobody_gives_a_right_that_they_lack(tenant: Tenant) -> None:
    services.save_role(**_where(tenant), name="maker", rights=["members.read", "roles.write"])
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="maker")
    client, path = signed_in(person), f"{tenant.path}members/roles/"
    page = client.get(f"{path}new/").content.decode()
    assert page.count("(you lack it)") == len(Right) - 2
    assert client.post(f"{path}new/", {"name": "more", "rights": ["usage.read"]}).status_code == 403
    assert _role(tenant, "more") is None
    services.save_role(**_where(tenant), name="wide", rights=["usage.read"])
    wide = _role(tenant, "wide")
    assert wide is not None
    assert "you cannot change it" in client.get(f"{path}{wide.pk}/").content.decode()
    assert client.post(f"{path}{wide.pk}/delete/").status_code == 403


def test_another_tenants_role_is_not_there(tenant: Tenant, other: Tenant) -> None:
    services.save_role(**_where(tenant), name="reader", rights=["usage.read"])
    role = _role(tenant, "reader")
    assert role is not None
    theirs = signed_in(other.owner)
    assert theirs.get(f"{other.path}members/roles/{role.pk}/").status_code == 404
    theirs.post(f"{other.path}members/roles/{role.pk}/delete/")
    assert _role(tenant, "reader") is not None


def test_a_member_shows_own_keys_and_what_they_cost(tenant: Tenant, client: Client) -> None:
    person = make_person()
    member = services.add_member(**_where(tenant), person=person, role="finance").row
    key, _ = services.issue_key(**_where(tenant), project="chatbot", name="own", owner=person.email)
    tenant.bucket(bucket_start(datetime.now(UTC)), key.pk, requests=3, cost_nano=1_500_000_000)
    tenant.bucket(bucket_start(datetime.now(UTC)), requests=9, cost_nano=9)  # another key's
    path = f"{tenant.path}members/{member.pk}/"
    for shown in (
        client.get(path).context,
        signed_in(person).get(path).context,
    ):  # themselves without keys.read
        assert [row.it.name for row in shown["rows"]] == ["own"]
        assert (shown["spend"].calls, shown["spend"].cost_nano) == (3, 1_500_000_000)
    listed = {
        one.person_id: did for one, _, _, did in client.get(f"{tenant.path}members/").context["members"]
    }
    assert (listed[person.pk].cost_nano, listed[tenant.owner.pk].cost_nano) == (1_500_000_000, 0)


def test_who_may_not_read_keys_sees_no_others(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="finance")
    with access.scope(organization_id=tenant.organization.pk):
        owner = Membership.objects.get(person=tenant.owner)
    shown = signed_in(person).get(f"{tenant.path}members/{owner.pk}/").context
    assert not shown["may_see"]
    services.save_role(**_where(tenant), name="narrow", rights=["organization.read"])
    lone = make_person()
    services.add_member(**_where(tenant), person=lone, role="narrow")
    assert signed_in(lone).get(f"{tenant.path}members/{owner.pk}/").status_code == 403


def test_members_are_found_and_paged(tenant: Tenant, client: Client) -> None:
    people = [make_person() for _ in range(3)]
    for person in people:
        services.add_member(**_where(tenant), person=person, role="auditor")

    def found(**asked: str) -> list[str]:
        return [
            one.person.email for one, *_ in client.get(f"{tenant.path}members/", asked).context["members"]
        ]

    everybody = sorted([tenant.owner.email, *(person.email for person in people)])
    assert found() == everybody
    assert found(q=people[0].email.upper()) == [people[0].email]
    assert found(after=everybody[0]) == everybody[1:]


def test_the_list_of_members_asks_as_many_questions_for_one_as_for_many(
    tenant: Tenant, client: Client
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connections["default"]) as queries:
            client.get(f"{tenant.path}members/")
        return len(queries)

    services.issue_key(**_where(tenant), project="chatbot", name="k", owner=tenant.owner.email)
    asked()
    one = asked()
    for number in range(3):
        person = make_person()
        services.add_member(**_where(tenant), person=person, role="auditor")
        services.issue_key(**_where(tenant), project="chatbot", name=f"k{number}", owner=person.email)
    assert asked() == one <= 24
