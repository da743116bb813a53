"""The pages and the API of stored contents."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import services
from tenants.models import Organization
from tests.console.conftest import Tenant, make_person, signed_in
from tests.management import client_of
from tests.tenants.test_contents import keep

API = "/api/v1/organizations/{}/"


@pytest.fixture
def stored(tenant: Tenant) -> str:
    """The id of a call with contents."""
    return str(keep(tenant.organization))


def member(tenant: Tenant, role: str) -> Client:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role=role, actor="test")
    return signed_in(person)


def actions(organization: Organization) -> list[str]:
    with access.scope(organization_id=organization.pk):
        return [one.event["detail"]["action"] for one in OutboxEntry.objects.order_by("pk")]


def test_call_page_offers_the_content_and_shows_none(tenant: Tenant, stored: str) -> None:
    page = tenant.client().get(f"{tenant.path}calls/{stored}/")
    assert b"Show content" in page.content
    assert b"Wanda" not in page.content
    assert "content.read" not in actions(tenant.organization)
    assert b"Show content" not in member(tenant, "admin").get(f"{tenant.path}calls/{stored}/").content


def test_call_without_content_says_so(tenant: Tenant) -> None:
    event = tenant.call(datetime.now(UTC))
    page = tenant.client().get(f"{tenant.path}calls/{event.event_id}/")
    assert b"Neither prompt nor answer is stored" in page.content


def test_who_asks_sees_it_and_stands_in_the_ledger(tenant: Tenant, stored: str) -> None:
    page = tenant.client().post(f"{tenant.path}calls/{stored}/content/")
    assert page.status_code == 200
    assert b"Wanda owes 4711" in page.content
    assert page["Cache-Control"] == "no-store"
    assert actions(tenant.organization).count("content.read") == 1


def test_who_has_not_the_right_sees_nothing(tenant: Tenant, other: Tenant, stored: str) -> None:
    path = f"{tenant.path}calls/{stored}/content/"
    assert member(tenant, "admin").post(path).status_code == 403
    assert other.client().post(path).status_code == 404
    assert other.client().post(f"{other.path}calls/{stored}/content/").status_code == 404
    assert Client().post(path).status_code == 302
    assert tenant.client().get(path).status_code == 405
    assert "content.read" not in actions(tenant.organization)


def test_page_tells_what_is_stored_and_erases_it(tenant: Tenant, stored: str) -> None:
    client, path = tenant.client(), f"{tenant.path}contents/"
    page = client.get(path).content.decode()
    assert re.search(r"There is something of\s*<span[^>]*>1</span> call\.", page)
    assert "Generation 1" in page
    wrong = client.post(f"{path}erase/", {"kind": "call", "whose": "x", "reason": "y"})
    assert (wrong.status_code, b"Call is no id" in wrong.content) == (400, True)
    given = {"kind": "end_user", "whose": "wanda", "reason": "letter"}
    asked = client.post(f"{path}erase/", given).content
    assert b"It cannot be undone" in asked
    assert b'<strong class="figure">1</strong> call of <strong>wanda</strong>' in asked
    assert b">1</span> call." in client.get(path).content  # nothing is gone yet
    done = client.post(f"{path}erase/", given | {"sure": "yes"}, follow=True)
    assert b"Erased what 1 call had stored" in done.content
    assert b"Nothing is there at the moment" in done.content


def test_destroying_asks_for_the_organizations_name(tenant: Tenant, stored: str) -> None:
    client, path = tenant.client(), f"{tenant.path}contents/destroy/"
    wrong = client.post(path, {"confirm": "x", "reason": "over"})
    assert (wrong.status_code, b"Confirm is not the organization" in wrong.content) == (400, True)
    given = {"confirm": tenant.organization.slug, "reason": "over"}
    assert member(tenant, "admin").post(path, given).status_code == 403
    assert b"can be read any more" in client.post(path, given, follow=True).content
    page = client.post(f"{tenant.path}calls/{stored}/content/")
    assert b"Wanda" not in page.content
    assert b"is destroyed" in page.content


def test_api_gives_the_content_and_leaves_an_act(tenant: Tenant, stored: str) -> None:
    api, place = client_of(tenant.organization.pk), API.format(tenant.organization.slug)
    found = api.get(f"{place}calls/{stored}/content").json()
    assert (found["event_id"], found["mode"]) == (stored, "full")
    assert [part["part"] for part in found["parts"]] == ["request", "answer"]
    part = found["parts"][0]
    assert (part["state"], part["matches"], part["base64"]) == ("kept", True, None)
    assert "Wanda owes 4711" in part["text"]
    assert found["act"]
    assert actions(tenant.organization).count("content.read") == 1


def test_api_refuses_who_may_not(tenant: Tenant, other: Tenant, stored: str) -> None:
    place = API.format(tenant.organization.slug)
    narrow = client_of(tenant.organization.pk, ["calls.read", "contents.erase"])
    assert narrow.get(f"{place}calls/{stored}/content").status_code == 403
    assert client_of(other.organization.pk).get(f"{place}calls/{stored}/content").status_code == 404
    foreign = API.format(other.organization.slug)
    assert client_of(other.organization.pk).get(f"{foreign}calls/{stored}/content").status_code == 404
    assert Client().get(f"{place}calls/{stored}/content").status_code == 401
    assert "content.read" not in actions(tenant.organization)


def test_api_erases_and_destroys_and_names_what_is_wrong(tenant: Tenant, stored: str) -> None:
    api, place = client_of(tenant.organization.pk), API.format(tenant.organization.slug)

    def post(verb: str, **body: Any) -> tuple[int, Any]:
        answer = api.post(f"{place}contents/{verb}", body, content_type="application/json")
        return answer.status_code, answer.json()

    for verb, body, field in (
        ("erase", {"reason": "x"}, "end_user"),
        ("erase", {"end_user": "wanda"}, "reason"),
        ("erase", {"key": str(uuid4()), "reason": "x"}, "key"),
        ("erase", {"call": "x", "reason": "x"}, "call"),
        ("destroy", {"confirm": "x", "reason": "x"}, "confirm"),
    ):
        status, told = post(verb, **body)
        assert status == 400, told
        assert field in str(told["errors"]), told
    assert post("erase", end_user="wanda", reason="letter") == (200, {"calls": 1})
    assert post("destroy", confirm=tenant.organization.slug, reason="over") == (200, {"generations": 1})
    parts = api.get(f"{place}calls/{stored}/content").json()["parts"]
    assert {(part["state"], part["text"], part["base64"]) for part in parts} == {("erased", None, None)}
