"""Somebody whom an operator deactivates can do nothing from the next request on, in no organization."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import services
from tenants.models import ApiKey, Invitation, Organization, Person
from tenants.people import activate, approve, deactivate


@pytest.fixture
def person() -> Person:
    return Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test")


def furnish(organization: Organization, person: Person) -> None:
    """A member with an own key and an open invitation, beside a key that is nobody's."""
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    member = services.add_member(**where, person=person, role="admin").row
    services.save_project(**where, slug="bot", name="Bot")
    services.issue_key(**where, project="bot", name="own", owner=person.email)
    services.issue_key(**where, project="bot", name="shared")
    services.invite(organization_id=organization.id, actor=member, email="new@example.com", role="auditor")


def open_things(organization: Organization) -> tuple[list[str], int]:
    with access.scope(organization_id=organization.id):
        keys = ApiKey.objects.filter(revoked_at=None).order_by("name").values_list("name", flat=True)
        return list(keys), Invitation.objects.filter(revoked_at=None).count()


def acts(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.id):
        return [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]


def test_own_keys_and_invitations_end_in_every_organization(
    organization: Organization, other: Organization, person: Person
) -> None:
    for place in (organization, other):
        furnish(place, person)
        assert open_things(place) == (["own", "shared"], 1)
    assert deactivate(person, actor="op@example.com")
    for place in (organization, other):
        assert open_things(place) == (["shared"], 0)
        done = acts(place)[-3:]
        assert [(act["action"], act["actor"]) for act in done] == [
            ("member.uninvite", "op@example.com"),
            ("key.revoke", "op@example.com"),
            ("member.deactivate", "op@example.com"),
        ]
        assert done[-1]["target"] == person.email
    person.refresh_from_db()
    assert not person.is_active
    assert not deactivate(person, actor="op@example.com")


def test_calls_of_an_own_key_are_refused_by_its_generation(
    organization: Organization, person: Person
) -> None:
    furnish(organization, person)
    with access.scope(organization_id=organization.id):
        before = ApiKey.objects.get(name="own").generation
    deactivate(person, actor="test")
    with access.scope(organization_id=organization.id):
        assert ApiKey.objects.get(name="own").generation == before + 1


def test_a_failure_half_way_changes_nothing(
    organization: Organization, other: Organization, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (organization, other):
        furnish(place, person)
    real, seen = services.deactivate_member, []

    def second_fails(**given: Any) -> None:
        seen.append(given)
        if len(seen) == 2:
            raise RuntimeError("the second organization")
        real(**given)

    monkeypatch.setattr(services, "deactivate_member", second_fails)
    with pytest.raises(RuntimeError):
        deactivate(person, actor="test")
    person.refresh_from_db()
    assert person.is_active
    assert open_things(organization) == open_things(other) == (["own", "shared"], 1)


def test_whoever_is_activated_again_has_no_keys_left(organization: Organization, person: Person) -> None:
    furnish(organization, person)
    deactivate(person, actor="test")
    assert activate(person, actor="test")
    assert not activate(person, actor="test")
    person.refresh_from_db()
    assert person.is_active
    assert open_things(organization) == (["shared"], 0)
    assert acts(organization)[-1]["action"] == "member.activate"


def test_others_keep_what_is_theirs(organization: Organization, person: Person) -> None:
    furnish(organization, person)
    stranger = Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test")
    deactivate(stranger, actor="test")
    assert open_things(organization) == (["own", "shared"], 1)


def test_approval_leaves_a_trace(person: Person, caplog: pytest.LogCaptureFixture) -> None:
    Person.objects.filter(pk=person.pk).update(approved_at=None)
    with caplog.at_level(logging.INFO, "orbit.people"):
        assert approve(person, actor="op@example.com")
        assert not approve(person, actor="somebody else")
    person.refresh_from_db()
    assert person.approved_by == "op@example.com"
    assert caplog.messages == [f"approved person={person.pk} by=op@example.com"]
