"""The operators' page that says why a request of any organization was refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from redis.exceptions import ConnectionError as StoreAway

from audit.models import OutboxEntry
from console.why import AWAY
from orbit.lib import access
from orbit.lib.ids import uuid7
from tenants import services
from tests.console.conftest import Tenant, make_person, signed_in, unused_id
from tests.console.test_why import note

WHY = "/operator/why/"


def of_role(name: str) -> Client:
    person = make_person(is_staff=True)
    person.groups.add(Group.objects.get(name=name))
    return signed_in(person)


def page(client: Client, **query: Any) -> str:
    answer = client.get(WHY, query)
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def test_it_is_for_staff_who_may_see_the_ledger(tenant: Tenant, settings: Any) -> None:
    assert Client().get(WHY).status_code == 302
    assert tenant.client().get(WHY).status_code == 404
    assert signed_in(make_person(is_staff=True)).get(WHY).status_code == 403
    settings.ORBIT_STAFF_MFA = True
    assert of_role("support").get(WHY).status_code == 403


def test_refusal_of_any_organization_is_found_by_its_id_alone(tenant: Tenant, other: Tenant) -> None:
    client = of_role("support")
    for one in (tenant, other):
        shown = page(client, request_id=note(one, unused_id()))
        assert "The limit has no room." in shown
        assert "The limit at that moment" in shown
        assert "$49.00" in shown
        assert f"{one.organization.name} in the admin" in shown
        assert f"?key={one.organization.slug}%2Fapp%2Fmain&amp;model=fast" in shown


def test_call_leads_to_the_ledger_and_back(tenant: Tenant) -> None:
    client = of_role("operator")
    call = tenant.call(datetime.now(UTC), status="provider_failed", code="upstream_timeout")
    shown = page(client, request_id=call.event_id)
    assert "The provider fell silent for too long." in shown
    listed = client.get("/admin/audit/event/", {"q": str(call.event_id)}).content.decode()
    assert f"?q={call.event_id}" in shown
    assert f"/admin/audit/event/{call.pk}/change/" in listed
    there = client.get(f"/admin/audit/event/{call.pk}/change/").content.decode()
    assert f"{WHY}?request_id={call.event_id}" in there


def test_key_of_any_organization_is_asked_what_it_would_meet(tenant: Tenant) -> None:
    client = of_role("support")
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.issue_key(**where, project=tenant.project.slug, name="asked")
    named = f"{tenant.organization.slug}/{tenant.project.slug}/asked"
    shown = page(client, key=named, model="none-such")
    assert "It would be refused" in shown
    assert "The limits as they stand" in shown


def test_what_policies_allow_is_not_told_to_who_may_not_see_them(tenant: Tenant) -> None:
    billing = of_role("billing")
    assert "A request that would be made now" not in page(billing)
    assert billing.get(WHY, {"key": "a/b/c", "model": "fast"}).status_code == 403
    assert "The limit has no room." in page(billing, request_id=note(tenant, unused_id()))


def test_organization_tells_what_was_counted_where_nothing_else_is_known(tenant: Tenant) -> None:
    client, unknown = of_role("support"), str(uuid7())
    answer = client.get(WHY, {"request_id": unknown})
    assert answer.status_code == 400
    assert "Name the organization, too" in answer.content.decode()
    assert "Nothing is known of it" in page(client, request_id=unknown, organization=tenant.organization.slug)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"request_id": "no"}, "is no id"),
        ({"request_id": "018f0000-0000-7000-8000-000000000000", "organization": "none-such"}, "is no organization"),
        ({"key": "a/b/c"}, "Model: is needed"),
        ({"key": "b/c", "model": "fast"}, "Write ORGANIZATION/PROJECT/NAME."),
        ({"key": "no/such/key", "model": "fast"}, "there is no key"),
        ({"key": "a/\x00", "model": "x"}, "is no key"),
    ],
)  # fmt: skip
def test_bad_question_names_its_field(query: dict[str, str], words: str) -> None:
    answer = of_role("support").get(WHY, query)
    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_store_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreAway

    monkeypatch.setattr("proxy.why.told_anywhere", away)
    assert AWAY in page(of_role("support"), request_id=str(uuid7()))


def test_asking_leaves_no_act(tenant: Tenant) -> None:
    with access.operator():
        before = OutboxEntry.objects.filter(organization_id=tenant.organization.pk).count()
    page(of_role("support"), request_id=note(tenant, unused_id()))
    with access.operator():
        assert OutboxEntry.objects.filter(organization_id=tenant.organization.pk).count() == before
