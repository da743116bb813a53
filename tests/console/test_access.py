from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.test import Client

from tests.console.conftest import Tenant, make_person, make_tenant, signed_in


def pages_of(tenant: Tenant) -> list[str]:
    call = tenant.events[0] if tenant.events else tenant.call(datetime.now(UTC))
    return [tenant.path, f"{tenant.path}calls/{call.event_id}/"]


def test_anonymous_is_sent_to_sign_in_whether_or_not_the_organization_exists(tenant: Tenant) -> None:
    for path in ["/", "/organizations/", *pages_of(tenant), "/o/no-such-organization/"]:
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


def test_member_sees_the_pages(tenant: Tenant) -> None:
    for path in pages_of(tenant):
        answer = tenant.client().get(path)
        assert answer.status_code == 200
        assert tenant.organization.name in answer.content.decode()


def test_foreign_and_unknown_organizations_cannot_be_told_apart(tenant: Tenant, outsider: Client) -> None:
    unknown = outsider.get("/o/no-such-organization/")
    assert unknown.status_code == 404
    for path in pages_of(tenant):
        foreign = outsider.get(path)
        assert foreign.status_code == 404
        assert foreign.content == unknown.content
        assert foreign.headers == unknown.headers


def test_call_of_another_organization_is_not_found_under_ones_own(tenant: Tenant, other: Tenant) -> None:
    foreign = other.call(datetime.now(UTC))
    client = tenant.client()
    nobodys = UUID(int=foreign.event_id.int ^ 1)  # of the same moment, which the page tells
    answer = client.get(f"{tenant.path}calls/{foreign.event_id}/")
    unknown = client.get(f"{tenant.path}calls/{nobodys}/")
    assert answer.status_code == unknown.status_code == 404
    assert _told(answer).replace(str(foreign.event_id), str(nobodys)) == _told(unknown)  # it repeats the id


def _told(answer: Any) -> str:
    """The page without the token of its forms, which is another one each time."""
    return re.sub(r'(name="csrfmiddlewaretoken" value=)"[^"]*"', r"\1", answer.content.decode())


def test_one_organization_opens_at_once_and_several_are_a_choice(tenant: Tenant) -> None:
    answer = tenant.client().get("/")
    assert (answer.status_code, answer["Location"]) == (302, tenant.path)
    second = make_tenant(name="Another one", owner=tenant.owner)
    page = tenant.client().get("/").content.decode()
    assert tenant.path in page
    assert second.path in page


def test_person_without_an_organization_learns_what_comes_next(outsider: Client) -> None:
    page = outsider.get("/").content.decode()
    assert "You do not belong to an organization yet" in page
    assert "manage.py add_member" in page


def test_expired_session_reloads_the_page_instead_of_filling_it_with_the_sign_in_form(tenant: Tenant) -> None:
    answer = Client().get(tenant.path, headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert not answer.content


def test_removed_member_is_out_at_once(tenant: Tenant) -> None:
    client = tenant.client()
    assert client.get(tenant.path).status_code == 200
    tenant.remove(tenant.owner)
    assert client.get(tenant.path).status_code == 404


def test_only_reading_methods_are_taken(tenant: Tenant) -> None:
    assert tenant.client().post(tenant.path).status_code == 405


def test_staff_without_membership_does_not_see_an_organizations_pages(tenant: Tenant, staff: Client) -> None:
    assert staff.get(tenant.path).status_code == 404


def test_deactivated_person_is_signed_out(tenant: Tenant) -> None:
    person = make_person()
    client = signed_in(person)
    assert client.get("/organizations/").status_code == 200
    person.is_active = False
    person.save()
    assert client.get("/organizations/").status_code == 302
