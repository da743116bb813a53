from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from celery import current_app
from django.test import Client
from kombu.exceptions import OperationalError

from console import exports
from console.tasks import make_export
from orbit.lib import access
from quotas.rollups import bucket_start
from tenants import services
from tenants.models import Organization
from tests.console.conftest import Tenant, make_person, signed_in


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """Tasks that were sent: nobody runs them by himself here."""
    made: list[tuple[str, int, str]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, given, queue: made.append(tuple(given)))
    return made


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


def _now(tenant: Tenant) -> Organization:
    with access.scope(organization_id=tenant.organization.pk):
        return Organization.objects.select_related("policy").get(pk=tenant.organization.pk)


FORM = {
    "name": "Acme",
    "time_zone": "Europe/Berlin",
    "currency": "USD",
    "week_starts": "sunday",
    "month_starts_on": "15",
    "year_starts_in": "4",
    "policy": "",
}


def test_settings_are_changed_by_their_form(tenant: Tenant, client: Client) -> None:
    client.post(f"{tenant.path}settings/save/", FORM)
    now = _now(tenant)
    assert (now.name, now.time_zone, now.week_starts) == ("Acme", "Europe/Berlin", "sunday")
    assert (now.month_starts_on, now.year_starts_in, now.policy) == (15, 4, None)
    typed = client.get(f"{tenant.path}settings/").context["typed"]
    assert {name: str(value) for name, value in typed.items()} == FORM


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": ""}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"currency": "XXX"}, "currency"),
        ({"week_starts": "someday"}, "week_starts"),
        ({"month_starts_on": "29"}, "month_starts_on"),
        ({"year_starts_in": "x"}, "year_starts_in"),
        ({"policy": "nobody-wrote-it"}, "policy"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(
    tenant: Tenant, client: Client, typed: dict[str, str], about: str
) -> None:
    answer = client.post(f"{tenant.path}settings/save/", FORM | typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    assert _now(tenant).name == tenant.organization.name


def test_under_a_ceiling_the_calendar_is_the_operators(tenant: Tenant, client: Client) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        Organization.objects.filter(pk=tenant.organization.pk).update(ceiling={"limits": []})
    assert "put the organization under a ceiling" in client.get(f"{tenant.path}settings/").content.decode()
    assert client.post(f"{tenant.path}settings/save/", FORM).status_code == 403
    client.post(f"{tenant.path}settings/save/", {"name": "Acme"})
    assert (_now(tenant).name, _now(tenant).time_zone) == ("Acme", "UTC")


def test_the_file_is_made_in_the_background_and_kept(
    tenant: Tenant, other: Tenant, client: Client, sent: list[tuple[str, int, str]]
) -> None:
    path = f"{tenant.path}settings/"
    for _ in range(2):  # a second click begins nothing anew
        client.post(f"{path}export/")
    assert len(sent) == 1
    assert "The file is being made" in client.get(path).content.decode()
    assert client.get(f"{path}export/file/").status_code == 302
    assert make_export(*sent[0]) == "done"
    assert (
        f"Download {tenant.organization.slug}.yaml"
        in client.get(path, headers={"HX-Request": "true"}).content.decode()
    )
    answer = client.get(f"{path}export/file/")
    assert answer["Cache-Control"] == "no-store"
    (made,) = yaml.safe_load(answer.content)["organizations"]
    assert made["slug"] == tenant.organization.slug
    assert [one["slug"] for one in made["projects"]] == ["chatbot"]
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="auditor")
    assert signed_in(person).get(path).context["export"] is None  # each has their own
    assert other.client().get(f"{other.path}settings/export/file/").status_code == 302


def test_a_queue_that_is_away_is_told_of(tenant: Tenant, client: Client) -> None:
    with patch.object(current_app, "send_task", side_effect=OperationalError):
        page = client.post(f"{tenant.path}settings/export/", follow=True).content.decode()
    assert "The queue does not answer" in page
    assert exports.found(tenant.organization.pk, tenant.owner.pk) is None


def test_the_file_takes_rights_to_what_is_in_it(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="finance")  # lacks keys.read
    client, path = signed_in(person), f"{tenant.path}settings/"
    assert "Take it along" not in client.get(path).content.decode()
    assert client.post(f"{path}export/").status_code == 403
    assert client.get(f"{path}export/file/").status_code == 403


def test_deletion_says_what_it_meets_and_wants_the_name(tenant: Tenant, client: Client) -> None:
    services.issue_key(**_where(tenant), project="chatbot", name="production")
    tenant.bucket(bucket_start(datetime.now(UTC)), requests=3)
    path = f"{tenant.path}settings/"
    page = client.get(path).content.decode()
    assert "1 key of 1 project is refused from the next call on; 3 calls came in the last 24 hours." in page
    client.post(f"{path}delete/", {"confirm": "something else"})
    assert _now(tenant).deleted_at is None
    client.post(f"{path}delete/", {"confirm": tenant.organization.slug})
    assert _now(tenant).deleted_at is not None
    page = client.get(path).content.decode()
    assert "This organization is deleted." in page
    assert client.post(f"{path}save/", FORM).status_code == 403
    client.post(f"{path}restore/")
    assert _now(tenant).deleted_at is None


def test_an_admin_does_not_delete(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="admin")
    client, path = signed_in(person), f"{tenant.path}settings/"
    assert "Delete the organization" not in client.get(path).content.decode()
    assert client.post(f"{path}delete/", {"confirm": tenant.organization.slug}).status_code == 403
    assert _now(tenant).deleted_at is None


def test_a_suspension_is_told_with_its_reason(tenant: Tenant, client: Client) -> None:
    services.suspend_organization(**_where(tenant), reason="an unpaid bill")
    assert "an unpaid bill" in client.get(f"{tenant.path}settings/").content.decode()
