"""ORBIT_SIGN_UP: who may sign up, and what the others see."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.test import Client

from orbit import env
from tenants.models import Person
from tenants.services import invite
from tests.console.conftest import Tenant, signed_in
from tests.console.test_sign_in import PASSWORD, address, link, sign_up


@pytest.fixture(autouse=True)
def _settings(settings: Any) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    cache.clear()  # the sign-in package counts sign-ups by address


def taken(answer: Any) -> bool:
    """Whether the form was: then a mail is on its way."""
    return bool(answer.status_code == 302 and answer["Location"] == "/accounts/confirm-email/")


def invited(tenant: Tenant, email: str) -> str:
    made, token = invite(organization_id=tenant.organization.pk, email=email, role="auditor", actor="test")
    return f"/invitations/{made.organization_id}/{token}/"


def confirm_and_enter(client: Client, email: str, mailoutbox: list[EmailMessage]) -> None:
    client.post(link(mailoutbox[-1]))
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})


def test_domain_is_compared_as_a_whole(settings: Any, mailoutbox: list[EmailMessage]) -> None:
    settings.ORBIT_SIGN_UP, settings.ORBIT_SIGN_UP_DOMAINS = "domains", frozenset({"example.org"})
    name = secrets.token_hex(6)
    assert taken(sign_up(Client(), f"{name}@EXAMPLE.org"))
    for domain in ("notexample.org", "mail.example.org", "example.org.evil.test", "example.com"):
        answer = sign_up(Client(), f"{name}@{domain}")
        assert not taken(answer)
        assert "Addresses of this domain are not taken" in answer.content.decode()
    assert not taken(sign_up(Client(), f'"{name}@example.org"@evil.test'))
    assert Person.objects.filter(email__startswith=name).count() == 1


@pytest.mark.parametrize("mode", ["domains", "invitation"])
def test_invitation_opens_for_the_invited_address_alone(
    tenant: Tenant, settings: Any, mailoutbox: list[EmailMessage], mode: str
) -> None:
    settings.ORBIT_SIGN_UP = mode
    email = address()
    path = invited(tenant, email)
    stranger = Client()
    if mode == "invitation":
        page = stranger.get("/accounts/signup/").content.decode()
        assert "By invitation only" in page
    assert not taken(sign_up(stranger, email))
    client = Client()
    client.get(path)
    assert not taken(sign_up(client, address()))
    assert taken(sign_up(client, email.upper()))
    confirm_and_enter(client, email, mailoutbox)
    assert client.get("/")["Location"] == path
    assert client.post(path)["Location"] == tenant.path
    late = Client()
    late.get(path)
    assert not taken(sign_up(late, email))


def test_new_account_waits_until_an_operator_approves(
    settings: Any, mailoutbox: list[EmailMessage], capsys: Any
) -> None:
    settings.ORBIT_SIGN_UP = "approval"
    client, email = Client(), address()
    assert taken(sign_up(client, email))
    call_command("approve")
    assert email not in capsys.readouterr().out  # nobody waits whose address is not confirmed
    confirm_and_enter(client, email, mailoutbox)
    for path in ("/", "/organizations/", "/o/no-such/", "/admin/"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "waits for approval" in answer.content.decode()
    assert client.get("/accounts/email/").status_code == 200
    call_command("approve")
    assert email in capsys.readouterr().out
    call_command("approve", email.upper())
    call_command("approve", email)
    assert capsys.readouterr().out == f"{email} is now approved.\n{email} is already approved.\n"
    assert client.get("/organizations/").status_code == 200
    assert Person.objects.get(email=email).approved_by == "manage.py approve"


def test_invited_account_needs_no_approval(
    tenant: Tenant, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.ORBIT_SIGN_UP = "approval"
    client, email = Client(), address()
    client.get(invited(tenant, email))
    sign_up(client, email)
    confirm_and_enter(client, email, mailoutbox)
    assert client.get("/organizations/").status_code == 200


def test_opened_invitation_approves_no_other_address(
    tenant: Tenant, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.ORBIT_SIGN_UP = "approval"
    client, email = Client(), address()
    client.get(invited(tenant, address()))
    sign_up(client, email)
    assert Person.objects.get(email=email).approved_at is None


def test_operator_approves_in_the_admin(staff: Client) -> None:
    person = Person.objects.create_user(address(), PASSWORD, approved_at=None)
    assert signed_in(person).get("/").status_code == 403
    staff.post("/admin/tenants/person/", {"action": "approve", "_selected_action": [person.pk]})
    person.refresh_from_db()
    assert person.approved_at is not None
    assert "@" in person.approved_by
    assert signed_in(person).get("/").status_code == 200


def test_nobody_is_approved_who_is_not_there() -> None:
    with pytest.raises(CommandError) as refused:
        call_command("approve", address())
    assert refused.value.returncode == 2


@pytest.mark.parametrize(
    ("value", "mode", "domains"),
    [
        ("", "open", set()),
        ("invitation", "invitation", set()),
        ("approval", "approval", set()),
        ("domains:Example.com, b.example", "domains", {"example.com", "b.example"}),
    ],
)
def test_setting_is_read(monkeypatch: pytest.MonkeyPatch, value: str, mode: str, domains: set[str]) -> None:
    monkeypatch.setenv("ORBIT_SIGN_UP", value)
    assert env.sign_up("ORBIT_SIGN_UP") == (mode, frozenset(domains))


@pytest.mark.parametrize(
    "value", ["closed", "domains", "domains:", "domains:@a.example", "domains:com", "open:a.b"]
)
def test_unclear_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ORBIT_SIGN_UP", value)
    with pytest.raises(env.BadSetting, match="ORBIT_SIGN_UP"):
        env.sign_up("ORBIT_SIGN_UP")
