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
from tenants.models import ApiKey, Project, ServiceAccount
from tests.console.conftest import Tenant, make_person, signed_in, unused_id


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


def _now(tenant: Tenant) -> Project:
    with access.scope(organization_id=tenant.organization.pk):
        return Project.objects.select_related("policy").get(pk=tenant.project.pk)


def _path(tenant: Tenant, verb: str = "") -> str:
    return f"{tenant.path}projects/{tenant.project.pk}/{verb}"


def test_a_project_shows_its_keys_spend_and_failures(tenant: Tenant, client: Client) -> None:
    services.issue_key(**_where(tenant), project="chatbot", name="production")
    tenant.bucket(bucket_start(datetime.now(UTC)), requests=3, failed=1, refused=2, cost_nano=1_500_000_000)
    ((row, keys),) = client.get(f"{tenant.path}projects/").context["rows"]
    assert (row.it.slug, keys) == ("chatbot", 1)
    assert (row.did.day_calls, row.did.day_failed, row.did.day_refused) == (3, 1, 2)
    assert row.did.cost_nano == 1_500_000_000
    page = client.get(_path(tenant)).content.decode()
    assert "$1.50" in page
    assert "Its one key is revoked for good" in page
    assert "3 calls came in the last 24 hours" in page


def test_projects_are_found_by_name_and_state(tenant: Tenant, client: Client) -> None:
    services.save_project(**_where(tenant), slug="search", name="Search engine")
    services.suspend_project(**_where(tenant), slug="search", reason="test")

    def found(**asked: str) -> list[str]:
        rows = client.get(f"{tenant.path}projects/", asked).context["rows"]
        return [row.it.slug for row, _ in rows]

    assert found() == ["chatbot", "search"]
    assert found(q="ENGINE") == ["search"]
    assert found(q="no such\x00") == []
    assert found(state="suspended") == ["search"]
    assert found(state="archived") == []
    assert found(after="chatbot") == ["search"]


def test_the_list_asks_as_many_questions_for_one_as_for_many(tenant: Tenant, client: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connections["default"]) as queries:
            client.get(f"{tenant.path}projects/")
        return len(queries)

    asked()
    one = asked()
    for number in range(4):
        services.save_project(**_where(tenant), slug=f"p-{number}", name="P")
    assert asked() == one <= 20


def test_a_project_is_made_from_its_name(tenant: Tenant, client: Client) -> None:
    answer = client.post(f"{tenant.path}projects/create/", {"name": "Über uns", "policy": "default"})
    made = client.get(answer.headers["Location"]).context["project"]
    assert (made.slug, made.name, made.policy.name) == ("uber-uns", "Über uns", "default")


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": "Fine", "slug": "NOT A SLUG"}, "slug"),
        ({"name": "Fine", "slug": "chatbot"}, "slug"),
        ({"name": "x" * 121, "slug": "fine"}, "name"),
        ({"name": "Fine", "policy": "nobody-wrote-it"}, "policy"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    tenant: Tenant, client: Client, typed: dict[str, str], about: str
) -> None:
    answer = client.post(f"{tenant.path}projects/create/", typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    assert answer.context["typed"]["name"] == typed["name"]


def test_verbs_do_what_they_say(tenant: Tenant, client: Client) -> None:
    key, _ = services.issue_key(**_where(tenant), project="chatbot", name="production")
    client.post(_path(tenant, "save/"), {"name": "Renamed", "policy": "default"})
    assert (_now(tenant).name, _now(tenant).policy.name) == ("Renamed", "default")  # type: ignore[union-attr]
    client.post(_path(tenant, "suspend/"), {"reason": "a leak"})
    assert _now(tenant).suspended_for == "a leak"
    assert "a leak" in client.get(_path(tenant)).content.decode()
    client.post(_path(tenant, "resume/"))
    assert _now(tenant).suspended_at is None
    client.post(_path(tenant, "archive/"))
    assert _now(tenant).archived_at is not None
    with access.scope(organization_id=tenant.organization.pk):
        assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    client.post(_path(tenant, "save/"), {"name": "Open again"})
    assert _now(tenant).archived_at is None


def test_a_service_account_comes_and_goes_with_its_keys(tenant: Tenant, client: Client) -> None:
    assert client.post(_path(tenant, "service-accounts/add/"), {"account": "NOT OK"}).status_code == 400
    client.post(_path(tenant, "service-accounts/add/"), {"account": "nightly"})
    key, _ = services.issue_key(**_where(tenant), project="chatbot", name="batch", owner="nightly")
    (account,) = client.get(_path(tenant)).context["accounts"]
    assert (account.name, account.usable) == ("nightly", 1)
    client.post(_path(tenant, f"service-accounts/{account.pk}/remove/"))
    with access.scope(organization_id=tenant.organization.pk):
        assert ServiceAccount.objects.get().removed_at is not None
        assert ApiKey.objects.get(pk=key.pk).revoked_at is not None


def test_a_project_that_is_not_there_is_told_of(tenant: Tenant, other: Tenant, client: Client) -> None:
    assert client.get(f"{tenant.path}projects/{other.project.pk}/").status_code == 404
    answer = client.post(f"{tenant.path}projects/{unused_id()}/archive/", follow=True)
    assert "there is no such project" in answer.content.decode()


def test_verbs_are_shown_to_who_may(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="developer")
    page = signed_in(person).get(_path(tenant)).content.decode()
    assert "Archive, and revoke its keys" not in page
    assert "New service account" not in page


def test_a_member_who_may_not_attach_policies_keeps_the_one_that_is_there(tenant: Tenant) -> None:
    services.save_project(**_where(tenant), slug="chatbot", name="Chatbot", policy="default")
    services.save_role(**_where(tenant), name="projects", rights=["organization.read", "projects.write"])
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="projects")
    signed_in(person).post(_path(tenant, "save/"), {"name": "Renamed"})
    assert (_now(tenant).name, _now(tenant).policy.name) == ("Renamed", "default")  # type: ignore[union-attr]
