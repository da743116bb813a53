"""What people and operators learn of changes to an account: a mail, and a line in the log."""

from __future__ import annotations

import logging
import re
import smtplib
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from tenants.models import Person
from tests.console.conftest import make_person
from tests.console.test_second_factor import PASSWORD, code, give_totp, sign_in
from tests.console.test_sessions import is_in

pytestmark = pytest.mark.usefixtures("own_address")


@pytest.fixture
def person() -> Person:
    made = make_person()
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made


def add_app(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    found = re.search(r'id="authenticator_secret"[^>]*value="(\w+)"', page)
    assert found
    assert client.post("/accounts/2fa/totp/activate/", {"code": code(found[1])}).status_code == 302


def test_new_factor_is_told_by_mail(person: Person, mailoutbox: list[EmailMessage], own_address: str) -> None:
    add_app(sign_in(person))
    [told] = mailoutbox
    assert told.to == [person.email]
    assert own_address in str(told.body)


def test_mail_server_that_is_away_does_not_undo_a_change(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise smtplib.SMTPServerDisconnected("away")

    client = sign_in(person)
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", away)
    add_app(client)
    assert is_in(client)
    assert "Authenticator app" in client.get("/accounts/2fa/").content.decode()


def test_each_step_leaves_a_line_and_never_what_was_typed(
    person: Person, caplog: pytest.LogCaptureFixture, own_address: str
) -> None:
    who = f"person={person.pk} address={own_address}"
    with caplog.at_level(logging.INFO, "orbit.sign_in"):
        Client().post("/accounts/login/", {"login": "hunter2@typed.example", "password": "secret-typed"})
        client = sign_in(person)
        add_app(client)
        client.post("/accounts/logout/")
        late = Client()
        late.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        late.post("/accounts/2fa/authenticate/", {"code": "000000"})
    lines = [one.getMessage() for one in caplog.records if one.name == "orbit.sign_in"]
    assert lines == [
        f"sign-in-failed address={own_address}",
        f"signed-in {who}",
        f"second-factors-changed {who} kind=totp",
        f"second-factors-changed {who} kind=recovery_codes",
        f"signed-out {who}",
        f"second-factor-failed {who}",
    ]
    assert "typed" not in caplog.text


def test_recovery_codes_are_shown_once(person: Person) -> None:
    client = sign_in(person)
    add_app(client)
    page = client.get("/accounts/2fa/recovery-codes/")
    assert "no-store" in page["Cache-Control"]
    first = page.content.decode()
    codes = re.findall(r"<li>(\d{8})</li>", first)
    assert len(codes) == 10
    assert f"{codes[0]}%0A{codes[1]}%0A" in first
    for path in ("", "download/"):
        again = client.get(f"/accounts/2fa/recovery-codes/{path}")
        assert not any(one in again.content.decode() for one in codes), path
    assert "10 left" in client.get("/accounts/2fa/").content.decode()


def test_whoever_is_inactive_learns_so_only_with_the_right_password(person: Person) -> None:
    Person.objects.filter(pk=person.pk).update(is_active=False)
    right = Client().post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    wrong = Client().post("/accounts/login/", {"login": person.email, "password": "wrong"})
    assert right["Location"] == "/accounts/inactive/"
    assert "not correct" in wrong.content.decode()
    give_totp(person)
    again = Client()
    answer = again.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/inactive/"
    assert not is_in(again)


def test_reset_link_is_dead_once_the_address_has_changed(
    person: Person, mailoutbox: list[EmailMessage], settings: Any
) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    Client().post("/accounts/password/reset/", {"email": person.email})
    found = re.search(r"https?://testserver(/\S+)", str(mailoutbox[-1].body))
    assert found
    EmailAddress.objects.filter(user=person).update(email=f"moved-{person.email}")
    Person.objects.filter(pk=person.pk).update(email=f"moved-{person.email}")
    assert "Location" not in Client().get(found[1]).headers
