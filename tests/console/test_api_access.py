from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from orbit.lib import access
from tenants import services
from tenants.models import ManagementKey, OAuthClient
from tests.console.conftest import Tenant, make_person, signed_in


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


def _key(tenant: Tenant) -> ManagementKey:
    with access.scope(organization_id=tenant.organization.pk):
        return ManagementKey.objects.get()


def _client(tenant: Tenant) -> OAuthClient:
    with access.scope(organization_id=tenant.organization.pk):
        return OAuthClient.objects.get()


def test_a_management_key_is_shown_once_and_works(tenant: Tenant, client: Client) -> None:
    typed = {"name": "deploy", "scopes": ["organization.read"], "expires_on": "2099-01-31"}
    answer = client.post(f"{tenant.path}api-access/keys/issue/", typed)
    secret = answer.context["secret"]
    assert answer["Cache-Control"] == "no-store"
    assert secret not in client.get(f"{tenant.path}api-access/").content.decode()
    assert _key(tenant).expires_at == datetime(2099, 1, 31, 23, 59, 59, tzinfo=UTC)
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    path = f"/api/v1/organizations/{tenant.organization.slug}"
    assert api.get(path).status_code == 200
    client.post(f"{tenant.path}api-access/keys/{_key(tenant).pk}/revoke/")
    assert api.get(path).status_code == 401


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": "NOT OK"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["organizations.create"]}, "scopes"),
        ({"expires_on": "soon"}, "expires_on"),
        ({"expires_on": "2020-01-01"}, "expires_at"),
    ],
)
def test_what_is_wrong_is_told(tenant: Tenant, client: Client, typed: dict[str, Any], about: str) -> None:
    given = {"name": "deploy", "scopes": ["usage.read"]} | typed
    answer = client.post(f"{tenant.path}api-access/keys/issue/", given)
    assert (answer.status_code, answer.context["key_wrong"].path) == (400, about)
    assert escape(answer.context["key_wrong"].message) in answer.content.decode()


def test_an_oauth_client_is_registered_changed_and_revoked(tenant: Tenant, client: Client) -> None:
    path = f"{tenant.path}api-access/clients/"
    wrong = client.post(f"{path}issue/", {"name": "reports"})
    assert (wrong.status_code, wrong.context["client_wrong"].path) == (400, "scopes")
    answer = client.post(f"{path}issue/", {"name": "reports", "scopes": ["usage.read", "calls.read"]})
    assert answer.context["client_id"] == _client(tenant).client_id
    client.post(f"{path}{_client(tenant).pk}/", {"scopes": ["usage.read"]})
    assert _client(tenant).words == ["usage.read"]
    client.post(f"{path}{_client(tenant).pk}/revoke/")
    assert _client(tenant).revoked_at is not None
    assert client.get(f"{tenant.path}api-access/").context["clients"] == []


def test_who_may_not_manage_keys_has_their_own_alone(tenant: Tenant, client: Client) -> None:
    client.post(f"{tenant.path}api-access/keys/issue/", {"name": "shared", "scopes": ["usage.read"]})
    shared = _key(tenant)
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="developer")
    theirs, path = signed_in(person), f"{tenant.path}api-access/"
    assert theirs.get(path).context["keys"] == []
    theirs.post(f"{path}keys/issue/", {"name": "mine", "scopes": ["usage.read"]})
    (mine,) = theirs.get(path).context["keys"]
    assert mine.person_id == person.pk
    assert theirs.post(f"{path}keys/issue/", {"name": "wide", "scopes": ["models.write"]}).status_code == 403
    assert theirs.post(f"{path}keys/{shared.pk}/revoke/").status_code == 403
    assert theirs.post(f"{path}clients/issue/", {"name": "x", "scopes": ["usage.read"]}).status_code == 403
    theirs.post(f"{path}keys/{mine.pk}/revoke/")
    assert theirs.get(path).context["keys"] == []


def test_another_tenants_credentials_are_not_there(tenant: Tenant, other: Tenant, client: Client) -> None:
    client.post(f"{tenant.path}api-access/keys/issue/", {"name": "deploy", "scopes": ["usage.read"]})
    client.post(f"{tenant.path}api-access/clients/issue/", {"name": "reports", "scopes": ["usage.read"]})
    theirs, path = signed_in(other.owner), f"{other.path}api-access/"
    assert (
        "there is no such"
        in theirs.post(f"{path}keys/{_key(tenant).pk}/revoke/", follow=True).content.decode()
    )
    assert (
        "there is no such"
        in theirs.post(f"{path}clients/{_client(tenant).pk}/revoke/", follow=True).content.decode()
    )
    assert (_key(tenant).revoked_at, _client(tenant).revoked_at) == (None, None)
    page = theirs.get(path).content.decode()
    assert "deploy" not in page.replace("such as a deployment", "")
