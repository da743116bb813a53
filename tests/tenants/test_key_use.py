"""When keys were last used, out of the ledger, and how keys are listed by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import key_use, services
from tenants.key_list import Selection, list_keys
from tenants.models import ApiKey, FormerSecret, KeyUse, Organization
from tests.tenants.conftest import run

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)


def event(key: ApiKey, at: datetime, kind: str = "call", address: str | None = "192.0.2.7") -> dict[str, Any]:
    return {
        "kind": kind,
        "key_id": key.pk,
        "organization_id": key.organization_id,
        "admitted_at": at,
        "detail": {"client_ip": address} if address else {},
    }


def write(*rows: dict[str, Any]) -> None:
    with access.ledger():
        key_use.apply(rows)


def use_of(key: ApiKey) -> tuple[datetime, str]:
    with access.operator():
        use = KeyUse.objects.get(key_id=key.pk)
    return use.used_at, use.address


@pytest.fixture
def keys(organization: Organization) -> list[ApiKey]:
    """In two projects, by two people."""
    made = []
    for project in ("bot", "jobs"):
        services.save_project(organization_id=organization.id, slug=project, name=project, actor="test")
        for name, actor in (("ci-one", "ada"), ("prod", "bob")):
            key, _ = services.issue_key(
                organization_id=organization.id, project=project, name=name, actor=actor
            )
            made.append(key)
    return made


def paths(organization_id: UUID, **selection: Any) -> list[str]:
    found = list_keys(organization_id, Selection(**selection))
    return [f"{one['project']}/{one['name']}" for one in found]


def test_newest_use_counts_whatever_the_order(keys: list[ApiKey]) -> None:
    key = keys[0]
    write(event(key, NOON, address="192.0.2.9"), event(key, NOON - timedelta(hours=1)))
    assert use_of(key) == (NOON, "192.0.2.9")
    write(event(key, NOON - timedelta(days=1)))
    assert use_of(key) == (NOON, "192.0.2.9")


def test_busy_key_is_written_once_a_minute(keys: list[ApiKey]) -> None:
    key = keys[0]
    for seconds in (0, 1, 59):
        write(event(key, NOON + timedelta(seconds=seconds)))
    assert use_of(key)[0] == NOON
    write(event(key, NOON + timedelta(seconds=61)))
    assert use_of(key)[0] == NOON + timedelta(seconds=61)


def test_refusal_is_a_use_and_keeps_the_address(keys: list[ApiKey]) -> None:
    key, later = keys[0], NOON + timedelta(hours=1)
    write(event(key, NOON), event(key, NOON + timedelta(minutes=5), "refusal", None))
    assert use_of(key) == (NOON + timedelta(minutes=5), "192.0.2.7")
    write(event(key, later, "refusal", None))
    assert use_of(key) == (later, "192.0.2.7")


def test_other_events_are_no_use(keys: list[ApiKey]) -> None:
    key = keys[0]
    write(event(key, NOON, "correction"), event(key, NOON, "act") | {"key_id": None})
    with access.operator():
        assert not KeyUse.objects.filter(key_id=key.pk).exists()


def test_use_of_a_key_that_is_gone_stops_nothing(keys: list[ApiKey]) -> None:
    gone = ApiKey(pk=uuid4(), organization_id=uuid4())
    write(event(gone, NOON), event(keys[0], NOON, address="x" * 500))
    assert use_of(keys[0]) == (NOON, "x" * 64)


def test_last_use_of_a_former_secret_is_that_of_its_calls(
    organization: Organization, keys: list[ApiKey]
) -> None:
    key = keys[0]
    services.rotate_key(organization_id=organization.id, key_id=key.pk, actor="test")
    with access.operator():
        former = FormerSecret.objects.get(key_id=key.pk)

    def listed() -> str | None:
        [found] = [
            one for one in list_keys(organization.id, Selection(project="bot")) if one["former_secrets"]
        ]
        [secret] = found["former_secrets"]
        assert secret["hint"] == former.hint
        used: str | None = secret["last_used_at"]
        return used

    def call(at: datetime, **detail: Any) -> dict[str, Any]:
        return event(key, at) | {"detail": detail}

    write(call(NOON))
    assert listed() is None
    words = run("keys", "list", "--organization", organization.slug, "--project", "bot").out
    assert f"former secret  {former.hint}" in words
    assert (
        len([line for line in words.splitlines() if "never" in line]) == 2
    )  # the other key, and this secret
    secret = str(former.pk)
    write(call(NOON + timedelta(hours=1), former_secret=secret), call(NOON, former_secret=secret))
    write(call(NOON + timedelta(hours=1, seconds=59), former_secret=secret), call(NOON + timedelta(hours=2)))
    assert listed() == "2027-01-01T13:00:00.000000Z"
    write(call(NOON + timedelta(hours=3), former_secret=secret))
    assert listed() == "2027-01-01T15:00:00.000000Z"
    assert use_of(key)[0] == NOON + timedelta(hours=3)


def test_keys_are_listed_by_what_is_said_of_them(organization: Organization, keys: list[ApiKey]) -> None:
    here = organization.id
    assert paths(here) == ["bot/ci-one", "bot/prod", "jobs/ci-one", "jobs/prod"]
    assert paths(here, project="bot") == ["bot/ci-one", "bot/prod"]
    assert paths(here, created_by="bob") == ["bot/prod", "jobs/prod"]
    assert paths(here, name="ci-*", project="jobs") == ["jobs/ci-one"]
    assert paths(here, name="*o*") == paths(here)
    assert paths(here, name="c") == []
    services.revoke_key(organization_id=here, key_id=keys[0].pk, actor="test")
    assert paths(here, name="ci-*") == ["jobs/ci-one"]
    with pytest.raises(InputError, match="no project 'bto'"):
        paths(here, project="bto")
    with pytest.raises(InputError, match="any text"):
        paths(here, name="ci.*")


def test_unused_keys_are_those_not_used_since(organization: Organization, keys: list[ApiKey]) -> None:
    now = datetime.now(UTC)
    soon = now + timedelta(hours=1)
    write(event(keys[0], now), event(keys[1], now + timedelta(hours=2)))
    assert paths(organization.id, unused_since=soon) == ["bot/ci-one", "jobs/ci-one", "jobs/prod"]
    assert paths(organization.id, unused_since=now - timedelta(days=1)) == []  # issued since


def test_command_lists_them(organization: Organization, keys: list[ApiKey], other: Organization) -> None:
    write(event(keys[0], NOON))
    slug = organization.slug
    listed = run("keys", "list", "--organization", slug, "--name", "ci-*", "--json").json
    first = listed["keys"][0]
    assert (listed["organization"], len(listed["keys"])) == (slug, 2)
    assert (first["last_used_at"], first["last_address"]) == ("2027-01-01T12:00:00.000000Z", "192.0.2.7")
    assert (first["hint"], first["state"], first["created_by"]) == (keys[0].hint, "usable", "ada")
    words = run("keys", "list", "--organization", slug).out
    assert "bot/ci-one" in words
    assert "2027-01-01 12:00 UTC  192.0.2.7" in words
    assert "never" in words
    assert run("keys", "list", "--organization", other.slug).out.strip() == "No key."
    assert run("keys", "list", "--organization", "nobody").code == 2
    wrong = run("keys", "list", "--organization", slug, "--unused-since", "yesterday")
    assert (wrong.code, "--unused-since" in wrong.err) == (2, True)
