"""Pages of inspectors: connected, changed, tried with a text and deleted, by those who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from console.inspectors import NOTES
from dlp.external.registry import KINDS
from orbit.lib import access
from tenants import services
from tenants.models import Inspector
from tests.console.conftest import Tenant, make_person, signed_in
from tests.inspectors import KEY, NAME, Services


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


@pytest.fixture
def watch(tenant: Tenant, services_outside: Services) -> Inspector:
    return services.save_inspector(
        organization_id=tenant.organization.pk,
        actor="test",
        name="watch",
        kind="presidio",
        base_url=services_outside.url(),
        credential=services.NewCredential(value=KEY),
    ).row


@pytest.fixture
def services_outside(request: pytest.FixtureRequest) -> Services:
    found: Services = request.getfixturevalue("services")
    return found


def now(row: Inspector) -> Inspector:
    with access.scope(organization_id=row.organization_id):
        return Inspector.objects.get(pk=row.pk)


def test_every_kind_is_explained() -> None:
    assert NOTES.keys() == KINDS.keys()


def test_one_is_connected_and_its_key_never_shown(tenant: Tenant, client: Client) -> None:
    typed = {"name": "moderation", "kind": "openai_moderation", "price": "0", "secret": KEY}
    page = client.post(f"{tenant.path}inspectors/new/", typed, follow=True).content.decode()
    assert "moderation is saved" in page
    assert "omni-moderation-latest" in page
    assert KEY not in page
    assert "moderation" in client.get(f"{tenant.path}inspectors/").content.decode()


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": "NOT OK"}, "name"),
        ({"kind": "bloodhound"}, "kind"),
        ({"base_url": "http://10.0.0.1:3000"}, "base_url"),
        ({"options": "[]"}, "options"),
        ({"options": '{"colour": "red"}'}, "options"),
        ({"price": "much"}, "price"),
        ({"ref": "env://KEY"}, "ref"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    tenant: Tenant, client: Client, typed: dict[str, str], about: str
) -> None:
    given = {"name": "watch", "kind": "presidio", "base_url": "https://presidio.example.com", "price": "0"}
    answer = client.post(f"{tenant.path}inspectors/new/", given | typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)


def test_a_new_address_voids_the_key(tenant: Tenant, client: Client, watch: Inspector) -> None:
    given: dict[str, Any] = {"kind": "presidio", "base_url": watch.base_url, "price": "2"}
    assert client.post(f"{tenant.path}inspectors/{watch.pk}/save/", given).status_code == 302
    assert now(watch).has_credential
    moved = given | {"base_url": "https://presidio.example.com"}
    assert client.post(f"{tenant.path}inspectors/{watch.pk}/save/", moved).status_code == 302
    assert not now(watch).has_credential


def test_a_text_is_tried(tenant: Tenant, client: Client, watch: Inspector) -> None:
    path = f"{tenant.path}inspectors/{watch.pk}/test/"
    answer = client.post(path, {"text": f"I am {NAME} <b>"})
    assert "It found something" in answer.content.decode()
    assert [(one.finding.kind, value) for one, value in answer.context["tried"].spans] == [("PERSON", NAME)]
    assert "found nothing" in client.post(path, {"text": "nobody"}).content.decode()
    assert "must have 1 to" in client.post(path, {"text": " "}).content.decode()


def test_it_is_deleted_once_no_policy_names_it(tenant: Tenant, client: Client, watch: Inspector) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test", "name": "careful"}
    dlp = {"inspectors": [{"name": "watch"}], "rules": [{"types": ["PERSON"], "action": "mask"}]}
    services.save_policy(**where, document={"dlp": dlp})
    page = client.get(f"{tenant.path}policies/careful/").content.decode()
    assert "go to the inspector watch" in page
    delete = f"{tenant.path}inspectors/{watch.pk}/delete/"
    assert "policy &#x27;careful&#x27; names it" in client.post(delete, follow=True).content.decode()
    services.save_policy(**where, document={})
    assert "watch was deleted" in client.post(delete, follow=True).content.decode()


def test_who_may_only_read_sees_it_and_changes_nothing(tenant: Tenant, watch: Inspector) -> None:
    reader = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=reader, role="auditor")
    client = signed_in(reader)
    assert client.get(f"{tenant.path}inspectors/{watch.pk}/").status_code == 200
    for verb in ("save", "test", "delete"):
        assert client.post(f"{tenant.path}inspectors/{watch.pk}/{verb}/").status_code == 403
