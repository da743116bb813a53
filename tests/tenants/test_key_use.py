"""When keys were last used, out of the ledger, and how keys are listed by it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import key_use, services
from tenants.key_list import AT_ONCE, Selection, list_keys, listed_keys
from tenants.management import printing
from tenants.models import ApiKey, FormerSecret, KeyUse, Organization, Project
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


@pytest.fixture
def many(organization: Organization) -> list[str]:
    """The paths of more keys than are read or printed together, in the order of the list."""
    made = []
    for slug in ("first", "second"):
        services.save_project(organization_id=organization.id, slug=slug, name=slug, actor="test")
        with access.scope(organization_id=organization.id):
            project = Project.objects.get(slug=slug)
            names = [f"{slug}-{number:04}" for number in range(printing.PAGE * 3 // 5)]
            ApiKey.objects.bulk_create(
                ApiKey(organization=organization, project=project, name=name, digest=secrets.token_bytes(32))
                for name in names
            )
        made += [f"{slug}/{name}" for name in names]
    return made


def test_keys_are_read_some_at_a_time(organization: Organization, many: list[str]) -> None:
    with (
        listed_keys(organization.id, Selection()) as listed,
        CaptureQueriesContext(connections["default"]) as caught,
    ):
        first = next(listed)
        [asked] = [one["sql"] for one in caught if '"tenants_formersecret"."key_id" IN' in one["sql"]]
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors WHERE statement LIKE '%tenants_apikey%'")
            assert cursor.fetchone() == (1,)
        assert len(list(listed)) == len(many) - 1
    assert asked.count("::uuid") == AT_ONCE + 1  # and the organization's
    assert f"{first['project']}/{first['name']}" == many[0]


def test_command_lists_many_keys_in_pages_and_whole(organization: Organization, many: list[str]) -> None:
    slug = organization.slug
    asked = ("keys", "list", "--organization", slug, "--json")
    found, after = list[str](), list[str]()
    while True:
        page = run(*asked, "--limit", "500", *after).json
        assert list(page) == ["organization", "keys", "next"]
        found += [f"{one['project']}/{one['name']}" for one in page["keys"]]
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert found == many
    whole = run(*asked).json
    assert (len(whole["keys"]), whole["next"]) == (len(many), None)
    exactly = run(*asked, "--limit", str(len(many))).json
    assert (len(exactly["keys"]), exactly["next"]) == (len(many), None)
    lines = run("keys", "list", "--organization", slug).out.splitlines()
    assert [line.split()[0] for line in lines] == ["key", *many]


def test_table_tells_where_it_goes_on(organization: Organization, keys: list[ApiKey]) -> None:
    asked = ("keys", "list", "--organization", organization.slug, "--limit", "2")
    assert run(*asked).out.splitlines()[-1] == "There are more: --after bot/prod"
    rest = run(*asked, "--after", "bot/prod").out
    assert [line.split()[0] for line in rest.splitlines()] == ["key", "jobs/ci-one", "jobs/prod"]
    assert run(*asked, "--after", "jobs/prod").out.strip() == "No key."
    assert run(*asked, "--after", "jobs/prod", "--json").json["keys"] == []


def test_question_that_is_wrong_prints_no_half_object(organization: Organization) -> None:
    wrong = run("keys", "list", "--organization", organization.slug, "--project", "none", "--json")
    assert (wrong.code, wrong.out) == (2, "")
