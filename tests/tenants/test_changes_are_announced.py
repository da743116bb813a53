"""Every change leaves an act, raises a version or a generation, and is told after the commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey, Organization, Person
from tenants.signals import key_changed, organization_changed

Heard = list[dict[str, Any]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    news: Heard = []

    def listen(*, signal: object, sender: object, **facts: Any) -> None:
        news.append(facts)

    for signal in (organization_changed, key_changed):
        signal.connect(listen)
    yield news
    for signal in (organization_changed, key_changed):
        signal.disconnect(listen)


def _version(organization: Organization) -> int:
    with access.scope(organization_id=organization.id):
        return Organization.objects.get().version


def _acts(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.id):
        return [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]


def test_creating_is_told(heard: Heard, organization: Organization) -> None:
    assert heard == [{"organization_id": organization.id, "shard": organization.shard, "version": 1}]
    (act,) = _acts(organization)
    assert (act["actor"], act["action"], act["target"]) == ("test", "organization.create", organization.slug)


def test_content_raises_the_version(heard: Heard, organization: Organization) -> None:
    services.save_policy(organization_id=organization.id, name="default", document={}, actor="test")
    assert _version(organization) == 2
    assert heard[-1] == {"organization_id": organization.id, "shard": organization.shard, "version": 2}


def test_a_key_raises_its_own_generation_only(heard: Heard, organization: Organization) -> None:
    services.save_project(organization_id=organization.id, slug="bot", name="Bot", actor="test")
    version = _version(organization)
    key, _ = services.issue_key(organization_id=organization.id, project="bot", name="k", actor="test")
    services.revoke_key(organization_id=organization.id, key_id=key.id, actor="test")
    services.revoke_key(organization_id=organization.id, key_id=key.id, actor="test")
    assert _version(organization) == version
    told = {"organization_id": organization.id, "shard": organization.shard, "key_id": key.id}
    assert heard[-2:] == [told | {"generation": 1}, told | {"generation": 2}]
    with access.scope(organization_id=organization.id):
        stored = ApiKey.objects.get()
    assert stored.generation == 2
    assert stored.changed_at > key.created_at
    assert [act["action"] for act in _acts(organization)][-2:] == ["key.issue", "key.revoke"]


def test_a_change_rolled_back_is_not_told(heard: Heard, organization: Organization) -> None:
    del heard[:]
    with transaction.atomic():
        services.save_policy(organization_id=organization.id, name="default", document={}, actor="test")
        transaction.set_rollback(True)
    assert heard == []
    assert _version(organization) == 1
    assert len(_acts(organization)) == 1


def test_a_deaf_receiver_does_not_undo_the_change(organization: Organization) -> None:
    def fail(**_: object) -> None:
        raise ConnectionError("redis is away")

    organization_changed.connect(fail)
    try:
        services.update_organization(organization_id=organization.id, actor="test", name="Renamed")
    finally:
        organization_changed.disconnect(fail)
    assert _version(organization) == 2


def test_an_update_says_before_and_after(organization: Organization) -> None:
    services.update_organization(organization_id=organization.id, actor="test", time_zone="Asia/Tokyo")
    act = _acts(organization)[-1]
    assert act["before"] == {"time_zone": "UTC"}
    assert act["after"] == {"time_zone": "Asia/Tokyo"}


def test_archiving_a_project_revokes_its_keys(organization: Organization) -> None:
    services.save_project(organization_id=organization.id, slug="bot", name="Bot", actor="test")
    for name in ("a", "b"):
        services.issue_key(organization_id=organization.id, project="bot", name=name, actor="test")
    services.archive_project(organization_id=organization.id, slug="bot", actor="test")
    with access.scope(organization_id=organization.id):
        assert not ApiKey.objects.filter(revoked_at=None).exists()
    with pytest.raises(InputError, match="no project"):
        services.issue_key(organization_id=organization.id, project="bot", name="c", actor="test")


def test_a_usable_name_is_given_once(organization: Organization) -> None:
    services.save_project(organization_id=organization.id, slug="bot", name="Bot", actor="test")
    key, _ = services.issue_key(organization_id=organization.id, project="bot", name="k", actor="test")
    with pytest.raises(InputError, match="already"):
        services.issue_key(organization_id=organization.id, project="bot", name="k", actor="test")
    services.revoke_key(organization_id=organization.id, key_id=key.id, actor="test")
    services.issue_key(organization_id=organization.id, project="bot", name="k", actor="test")


def test_another_organizations_key_is_not_found(organization: Organization, other: Organization) -> None:
    services.save_project(organization_id=other.id, slug="bot", name="Bot", actor="test")
    key, _ = services.issue_key(organization_id=other.id, project="bot", name="k", actor="test")
    with pytest.raises(InputError, match="no such key"):
        services.revoke_key(organization_id=organization.id, key_id=key.id, actor="test")


def test_a_policy_in_use_stays(organization: Organization) -> None:
    services.save_policy(organization_id=organization.id, name="default", document={}, actor="test")
    services.update_organization(organization_id=organization.id, actor="test", policy="default")
    with pytest.raises(InputError, match="in use"):
        services.delete_policy(organization_id=organization.id, name="default", actor="test")


def test_a_model_that_a_policy_names_stays(organization: Organization) -> None:
    services.save_account(
        organization_id=organization.id,
        name="main",
        kind="openai",
        base_url="https://api.openai.com/v1",
        actor="test",
    )
    services.save_model(
        organization_id=organization.id,
        alias="fast",
        targets=[services.NewTarget("main", "gpt-4o")],
        actor="test",
    )
    document = {"allow": {"models": ["fast"]}}
    services.save_policy(organization_id=organization.id, name="default", document=document, actor="test")
    with pytest.raises(InputError, match="policy 'default' names 'fast'"):
        services.delete_model(organization_id=organization.id, alias="fast", actor="test")
    services.save_policy(organization_id=organization.id, name="default", document={}, actor="test")
    services.delete_model(organization_id=organization.id, alias="fast", actor="test")


def test_a_member_has_one_role(organization: Organization) -> None:
    person = Person.objects.create_user(f"{organization.slug}@example.com", "long-enough-for-a-test")
    assert services.add_member(
        organization_id=organization.id, person=person, role="admin", actor="t"
    ).created
    assert not services.add_member(
        organization_id=organization.id, person=person, role="admin", actor="t"
    ).changed
    saved = services.add_member(organization_id=organization.id, person=person, role="auditor", actor="t")
    assert (saved.created, saved.row.role) == (False, "auditor")
    with pytest.raises(InputError, match="role"):
        services.add_member(organization_id=organization.id, person=person, role="god", actor="t")
