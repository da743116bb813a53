"""`create_operator` and `seed_demo` may be run again and again."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.db import transaction
from pytest_django import Settings

from orbit.demo.seed import seed
from orbit.lib import access
from tenants import keys
from tenants.checks import given_secrets_are_usable, secrets_are_given
from tenants.models import ApiKey, Person
from tests.tenants.conftest import run

PROVIDER = "http://127.0.0.1:8090/v1"


@pytest.fixture
def email(monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"{uuid4().hex}@example.com"
    monkeypatch.setenv("ORBIT_ADMIN_EMAIL", address.upper())
    monkeypatch.setenv("ORBIT_ADMIN_PASSWORD", "correct horse battery")
    return address


def test_the_operator_is_made_once(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("create_operator").code == 0
    monkeypatch.setenv("ORBIT_ADMIN_PASSWORD", "another horse battery")
    assert run("create_operator").code == 0
    person = Person.objects.get(email=email)
    assert person.is_staff
    assert person.is_superuser
    assert person.check_password("correct horse battery")
    address = EmailAddress.objects.get(user=person)
    assert (address.email, address.verified, address.primary) == (email, True, True)


@pytest.mark.parametrize(
    ("name", "value"), [("ORBIT_ADMIN_PASSWORD", "short"), ("ORBIT_ADMIN_EMAIL", "nobody")]
)
def test_a_bad_operator_is_bad_input(
    email: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    answer = run("create_operator")
    assert answer.code == 2
    assert name in answer.err
    assert not Person.objects.filter(email=email).exists()


def test_without_variables_an_operator_must_be_there(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("create_operator")
    monkeypatch.delenv("ORBIT_ADMIN_EMAIL")
    assert run("create_operator").code == 0
    with transaction.atomic():
        Person.objects.update(is_superuser=False)
        answer = run("create_operator")
        transaction.set_rollback(True)
    assert answer.code == 2
    assert "ORBIT_ADMIN_EMAIL" in answer.err


@pytest.mark.xdist_group("demo")
def test_the_demo_is_seeded_once(settings: Settings, tmp_path: Path) -> None:
    settings.ORBIT_PRIVATE_TARGETS = ["127.0.0.1:8090"]
    path = tmp_path / "demo.json"
    answer = run("seed_demo", "--provider-url", PROVIDER, "--secrets-file", str(path))
    assert answer.code == 0
    first = answer.json
    assert json.loads(path.read_text()) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (first["organization"], first["email"], first["model"]) == (
        "demo",
        "demo@orbit.localhost",
        "gpt-4o-mini",
    )
    assert keys.well_formed(first["key"])
    person = Person.objects.get(email=first["email"])
    assert person.check_password(first["password"])
    assert person.is_superuser

    again = run("seed_demo", "--provider-url", PROVIDER).json
    assert (again["key"], again["password"]) == (None, None)

    renewed = seed(provider_url=PROVIDER, renew=True)
    assert renewed.key
    assert renewed.key != first["key"]
    assert renewed.password
    person.refresh_from_db()
    assert person.check_password(renewed.password)
    with access.operator():
        usable = ApiKey.objects.filter(organization__slug="demo", revoked_at=None)
        projects = {key.project.slug for key in usable.select_related("project")}
        assert projects == {"chatbot", "research", "search"}


def test_the_demo_needs_its_provider_to_be_allowed(settings: Settings) -> None:
    settings.ORBIT_PRIVATE_TARGETS = []
    answer = run("seed_demo", "--provider-url", PROVIDER)
    assert answer.code == 2
    assert "ORBIT_PRIVATE_TARGETS" in answer.err


def test_unusable_secrets_are_refused_at_start(settings: Settings) -> None:
    assert given_secrets_are_usable() == []
    settings.ORBIT_MASTER_KEY = "not-a-key"
    settings.ORBIT_KEY_PEPPER = "short"
    assert [problem.id for problem in given_secrets_are_usable()] == ["tenants.E001", "tenants.E002"]
    settings.ORBIT_MASTER_KEY = settings.ORBIT_KEY_PEPPER = ""
    assert [problem.id for problem in secrets_are_given()] == ["tenants.E003", "tenants.E004"]
