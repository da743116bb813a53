from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from orbit.lib import access
from quotas.rollups import bucket_start
from tenants import services
from tenants.models import ApiKey
from tests.console.conftest import Tenant, make_person, signed_in


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


@pytest.fixture
def key(tenant: Tenant) -> ApiKey:
    return _issue(tenant, "production")


def _issue(tenant: Tenant, name: str) -> ApiKey:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    key, _ = services.issue_key(**where, project=tenant.project.slug, name=name)
    return key


def _path(tenant: Tenant, key: ApiKey | None = None, verb: str = "") -> str:
    path = f"/o/{tenant.organization.slug}/keys/"
    return f"{path}{key.pk}/{verb}/" if key else f"{path}{verb}"


def test_a_key_shows_what_it_did_this_month(tenant: Tenant, client: Client, key: ApiKey) -> None:
    now = bucket_start(datetime.now(UTC))
    tenant.bucket(now, key.pk, requests=3, failed=1, cost_nano=1_500_000_000)
    tenant.bucket(now - timedelta(days=32), key.pk, requests=100, cost_nano=9_000_000_000)
    tenant.bucket(now, requests=7, cost_nano=7)  # another key's
    (row,) = client.get(_path(tenant)).context["rows"]
    assert (row.calls, row.failed, row.cost_nano) == (3, 1, 1_500_000_000)


def test_a_key_is_found_by_a_part_of_its_name(tenant: Tenant, client: Client, key: ApiKey) -> None:
    _issue(tenant, "staging")
    found = client.get(_path(tenant), {"q": "prod"}).context["rows"]
    assert [row.key.name for row in found] == ["production"]
    assert client.get(_path(tenant), {"q": "$$"}).context["rows"] == []
    assert client.get(_path(tenant), {"project": "none"}).context["rows"] == []


def test_more_keys_than_a_page_holds_are_paged(tenant: Tenant, client: Client) -> None:
    names = [f"key-{number}" for number in range(52)]
    for name in names:
        _issue(tenant, name)
    first = client.get(_path(tenant), {"q": "key-"})
    second = client.get(_path(tenant), {"q": "key-", "after": first.context["more"]})
    shown = [row.key.name for page in (first, second) for row in page.context["rows"]]
    assert shown == names[::-1]
    assert second.context["more"] == ""


def test_a_page_asks_so_many_questions_and_no_more(
    tenant: Tenant, client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        _issue(tenant, f"key-{number}")
    with django_assert_max_num_queries(22):
        client.get(_path(tenant))


def test_an_issued_key_is_shown_once(tenant: Tenant, client: Client) -> None:
    answer = client.post(_path(tenant, verb="issue/"), {"project": tenant.project.slug, "name": "new"})
    secret = answer.context["secret"]
    assert secret.startswith("orb_")
    assert secret in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert secret not in client.get(_path(tenant)).content.decode()


@pytest.mark.parametrize(
    ("typed", "about"),
    [({"name": "NOT OK"}, "name"), ({"name": "new", "owner": "nobody@example.org"}, "owner")],
)
def test_what_is_wrong_is_told_by_its_field(
    tenant: Tenant, client: Client, typed: dict[str, str], about: str
) -> None:
    answer = client.post(_path(tenant, verb="issue/"), {"project": tenant.project.slug, **typed})
    assert answer.status_code == 400
    assert answer.context["wrong"].path == about
    assert f'value="{typed["name"]}"' in answer.content.decode()


def test_verbs_do_what_they_say(tenant: Tenant, client: Client, key: ApiKey) -> None:
    def now() -> ApiKey:
        with access.scope(organization_id=tenant.organization.pk):
            return ApiKey.objects.get(pk=key.pk)

    client.post(_path(tenant, key, "suspend"), {"reason": "a leak"})
    assert now().suspended_for == "a leak"
    assert "a leak" in client.get(_path(tenant)).content.decode()
    client.post(_path(tenant, key, "resume"))
    assert now().suspended_at is None
    rotated = client.post(_path(tenant, key, "rotate"))
    assert rotated.context["secret"].startswith("orb_")
    assert now().hint != key.hint
    client.post(_path(tenant, key, "revoke"), {"reason": "over"})
    assert now().revoked_at is not None
    assert client.post(_path(tenant, key, "rotate")).status_code == 302


def test_verbs_are_shown_to_who_may(tenant: Tenant, key: ApiKey) -> None:
    person = make_person()
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.add_member(**where, person=person, role="developer")
    page = signed_in(person).get(_path(tenant)).content.decode()
    assert "Revoke for good" in page
    assert "Suspend now" not in page
    assert "Rotate now" not in page


def test_navigation_leads_where_one_may_go(tenant: Tenant) -> None:
    person = make_person()
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.add_member(**where, person=person, role="finance")
    page = signed_in(person).get(f"/o/{tenant.organization.slug}/members/").content.decode()
    assert f'href="/o/{tenant.organization.slug}/"' in page
    assert f'href="{_path(tenant)}"' not in page
