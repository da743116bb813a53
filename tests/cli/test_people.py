"""Members, invitations, roles, service accounts and people from the command line."""

from __future__ import annotations

import secrets

import pytest

from orbit.lib import access
from tenants.keys import new_key
from tenants.models import Membership, Organization, Person
from tests.cli.conftest import Orbit


@pytest.fixture
def member(organization: Organization) -> Person:
    person = Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.org", "correct horse battery")
    with access.scope(organization_id=organization.pk):
        Membership.objects.create(organization=organization, person=person, role="developer")
    return person


def test_members_by_address(orbit: Orbit, member: Person) -> None:
    assert member.email in orbit("members", "list").out
    assert orbit("members", "change", member.email, "--role", "auditor", "--json").json["role"] == "auditor"
    assert "auditor" in orbit("members", "show", member.email).out
    assert orbit("members", "remove", member.email, "--yes").err == "removed\n"
    assert orbit("members", "show", member.email).code == 5


def test_invitations(orbit: Orbit) -> None:
    email = f"i-{secrets.token_hex(6)}@example.org"
    assert orbit("invite", "--email", email, "--role", "developer", "--json").json["state"] == "open"
    assert email in orbit("invitations", "list", "--state", "open").out
    assert orbit("invitations", "revoke", email, "--json").json["state"] == "revoked"
    assert orbit("invitations", "revoke", email).code == 5


def test_roles(orbit: Orbit) -> None:
    saved = orbit("roles", "save", "watcher", "--rights", "usage.read, calls.read", "--json").json
    assert saved["rights"] == ["usage.read", "calls.read"]
    assert "watcher" in orbit("roles", "list").out
    assert "keys.issue" in orbit("roles", "show", "developer").out
    assert orbit("roles", "delete", "watcher", "--yes").code == 0


def test_service_accounts_and_whose_keys_they_have(orbit: Orbit) -> None:
    orbit("projects", "save", "bot", "--name", "Bot")
    made = orbit("service-accounts", "create", "--project", "bot", "--name", "ci", "--json").json
    assert (made["project"], made["name"]) == ("bot", "ci")
    orbit("keys", "issue", "--project", "bot", "--name", "main", "--owner", "ci")
    assert "ci" in orbit("service-accounts", "list", "--project", "bot").out
    assert orbit("service-accounts", "remove", "bot/ci", "--yes").code == 0
    assert orbit("keys", "list", "--json").json["data"] == []


def test_operator_lets_people_in(operator: Orbit, member: Person) -> None:
    assert member.email in operator("people", "list", "--email", member.email).out
    let_in = operator("people", "approve", member.email, "--json").json
    assert (let_in["email"], let_in["approved_at"] is None) == (member.email, False)


def test_leaked_key_is_found_and_ended(operator: Orbit, orbit: Orbit, organization: Organization) -> None:
    orbit("projects", "save", "bot", "--name", "Bot")
    secret = orbit("keys", "issue", "--project", "bot", "--name", "main", "--json").json["secret"]
    found = operator("keys", "lookup", stdin=f"{secret}\n")
    assert f"{organization.slug}/bot/main" in found.out
    assert secret not in found.out + found.err
    ended = operator("keys", "lookup", "--revoke", "--reason", "leaked", "--yes", "--json", stdin=secret).json
    assert ended["secret"]["ended"] is True
    assert operator("keys", "lookup", stdin=new_key()).code == 5
    assert operator("keys", "lookup").code == 2
