from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from tests.console.conftest import make_person, signed_in

pytestmark = pytest.mark.usefixtures("own_address")

PASSWORD = "correct horse battery"


def sign_up(client: Client, email: str) -> Any:
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD, "password2": PASSWORD})


def address() -> str:
    return f"new-{secrets.token_hex(6)}@example.org"


def link(mailed: EmailMessage) -> str:
    found = re.search(r"https?://\S+", str(mailed.body))
    assert found
    return found[0]


def test_sign_up_confirm_and_arrive(mailoutbox: list[EmailMessage], settings: Any) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    client, email = Client(), address()
    assert sign_up(client, email)["Location"] == "/accounts/confirm-email/"
    assert client.get("/").status_code == 302  # not signed in before the address is confirmed
    confirm = link(mailoutbox[-1])
    assert b"Confirm" in client.get(confirm).content
    client.post(confirm)
    answer = client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert answer["Location"] == "/"
    assert "do not belong to an organization" in client.get("/").content.decode()


def test_links_in_mails_ignore_the_requests_host(mailoutbox: list[EmailMessage], settings: Any) -> None:
    settings.ORBIT_PUBLIC_URL = "https://gateway.example"
    settings.ALLOWED_HOSTS = ["*"]
    person = make_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    for email in (address(), person.email):
        sign_up(Client(HTTP_HOST="evil.example"), email)
        Client(HTTP_HOST="evil.example").post("/accounts/password/reset/", {"email": email})
    assert len(mailoutbox) == 4
    for mailed in mailoutbox:
        assert link(mailed).startswith("https://gateway.example/accounts/")
        assert "evil" not in str(mailed.body)


def test_password_can_be_reset(mailoutbox: list[EmailMessage], settings: Any) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    person = make_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    client = Client()
    client.post("/accounts/password/reset/", {"email": person.email})
    form = client.get(link(mailoutbox[-1]), follow=True)
    chosen = "a wholly different one"
    client.post(form.request["PATH_INFO"], {"password1": chosen, "password2": chosen})
    answer = Client().post("/accounts/login/", {"login": person.email, "password": chosen})
    assert answer["Location"] == "/"


def test_known_and_unknown_addresses_get_the_same_answer() -> None:
    person = make_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    for path, data in (
        ("/accounts/password/reset/", {}),
        ("/accounts/signup/", {"password1": PASSWORD, "password2": PASSWORD}),
    ):
        known, unknown = (
            Client().post(path, {**data, "email": email}) for email in (person.email, address())
        )
        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_next_leads_nowhere_else() -> None:
    person = make_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    for target in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil",
    ):
        answer = Client().post(
            "/accounts/login/", {"login": person.email, "password": PASSWORD, "next": target}
        )
        assert answer["Location"] == "/"


def test_second_factor_is_set_up_after_the_password_is_asked_for_again() -> None:
    person = make_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    client = signed_in(person)
    address = "/accounts/2fa/totp/activate/"
    asked = client.get(address)
    assert asked["Location"] == f"/accounts/reauthenticate/?next={quote(address, safe='')}"
    assert client.post(asked["Location"], {"password": PASSWORD, "next": address})["Location"] == address
    page = client.get(address).content.decode()
    assert "data:image/svg+xml" in page
    assert "Authenticator secret" in page


def test_guessing_passwords_is_slowed_down() -> None:
    person = make_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    for _ in range(10):
        answer = Client().post("/accounts/login/", {"login": person.email, "password": "wrong"})
        assert answer.status_code == 200
    answer = Client().post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert "Too many failed login attempts" in answer.content.decode()
