"""H4: whatever target a request names, every page that takes one stays on the site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tenants.models import Person
from tests.console.conftest import make_person, signed_in
from tests.console.targets import LOCAL, OBVIOUS, OFF_SITE, stays
from tests.console.test_second_factor import PASSWORD, code, give_totp

CREDENTIALS = {"password": PASSWORD}


def somebody() -> Person:
    made = make_person()
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made


@pytest.fixture
def person() -> Person:
    return somebody()


@pytest.fixture(autouse=True)
def _unlimited(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = False
    settings.MFA_RATE_LIMITS = False


def assert_stays(answer: Any, told: object) -> None:
    for name in ("Location", "HX-Redirect", "Refresh", "HX-Location"):
        location = answer.headers.get(name)
        assert location is None or stays(location), (told, location)
    assert "Set-Cookie" not in answer.headers


def test_the_table_is_long_enough_and_its_judge_knows_a_foreign_place() -> None:
    assert len(OFF_SITE) >= 60
    assert [target for target in OFF_SITE[:OBVIOUS] if stays(target)] == []
    assert all(stays(target) for target in LOCAL)


def test_signing_in_leads_nowhere_else(person: Person) -> None:
    already = signed_in(person)
    for target in OFF_SITE:
        form = {"login": somebody().email, "password": PASSWORD, "next": target}
        in_form = Client().post("/accounts/login/", form)
        in_address = already.get(f"/accounts/login/?next={quote(target)}")
        for answer in (in_form, in_address):
            assert answer.status_code == 302
            assert_stays(answer, target)


@pytest.mark.parametrize("target", LOCAL)
def test_signing_in_leads_back_to_where_one_was(person: Person, target: str) -> None:
    form = {"login": person.email, "password": PASSWORD, "next": target}
    assert Client().post("/accounts/login/", form)["Location"] == target
    assert signed_in(person).get(f"/accounts/login/?next={quote(target)}")["Location"] == target


def test_target_is_still_judged_after_the_second_factor() -> None:
    for target in ("//evil.example", "/organizations/"):
        person, client = make_person(), Client()
        give_totp(person)
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD, "next": target})
        answer = client.post("/accounts/2fa/authenticate/", {"code": code()})
        assert answer["Location"] == (target if stays(target) else "/")


def test_confirming_and_leaving_lead_nowhere_else(person: Person) -> None:
    client, nobody = signed_in(person), Client()
    for target in OFF_SITE:
        form = {"next": target}
        again = client.post(f"/accounts/reauthenticate/?next={quote(target)}", CREDENTIALS | form)
        left = nobody.post(f"/accounts/logout/?next={quote(target)}", form)
        for answer in (again, left):
            assert answer.status_code == 302
            assert_stays(answer, target)


def _pages(patterns: list[Any], before: str = "") -> Iterator[str]:
    for one in patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _pages(one.url_patterns, path)
        elif isinstance(one, URLPattern) and not one.pattern.converters and "<" not in path:
            yield "/" + path.replace("^", "").replace("$", "").replace("\\Z", "")


PAGES = sorted(
    {path for path in _pages(get_resolver().url_patterns) if path.startswith(("/accounts/", "/o", "/dev"))}
    | {"/", "/admin/login/", "/admin/logout/", "/admin/password_change/"}
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_without_arguments_stays_whatever_is_asked(person: Person, path: str) -> None:
    names = ("next", "url", "redirect_to", "return", "continue")
    target = "//evil.example"
    query = "&".join(f"{name}={quote(target)}" for name in names)
    form = dict.fromkeys(names, target) | {"email": person.email, "login": person.email} | CREDENTIALS
    for client in (Client(), signed_in(person)):
        for answer in (client.get(f"{path}?{query}"), client.post(f"{path}?{query}", form)):
            location = answer.headers.get("Location")
            assert location is None or stays(location), (path, location)


def test_resolver_was_walked() -> None:
    assert len(PAGES) >= 20
    assert "/accounts/2fa/webauthn/login/" in PAGES


def test_path_that_looks_like_a_host_is_not_followed_after_signing_in(person: Person) -> None:
    answer = Client().get("//evil.example/o/x/")
    assert answer.status_code in {302, 404}
    assert_stays(answer, "path")
    form = {"login": person.email, "password": PASSWORD, "next": "//evil.example/o/x/"}
    assert Client().post("/accounts/login/", form)["Location"] == "/"


HOSTS = ["evil.example", "evil.example:8080", "testserver.evil.example", "testserver@evil.example"]


@pytest.mark.parametrize("host", HOSTS)
def test_host_that_is_not_ours_is_refused(host: str, person: Person, mailoutbox: list[EmailMessage]) -> None:
    answer = Client(HTTP_HOST=host).post("/accounts/password/reset/", {"email": person.email})
    assert answer.status_code == 400
    assert mailoutbox == []


def test_no_mail_repeats_what_the_request_called_us(
    person: Person, mailoutbox: list[EmailMessage], settings: Any
) -> None:
    """Links and words of every mail that this package sends on a request."""
    settings.ORBIT_PUBLIC_URL = "https://gateway.example"
    settings.ALLOWED_HOSTS = ["*"]
    forged: dict[str, Any] = {"HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "evil.example"}
    visitor = Client(**forged)
    visitor.post("/accounts/password/reset/", {"email": person.email})
    visitor.post("/accounts/password/reset/", {"email": f"nobody-{person.email}"})
    form = {"password1": PASSWORD, "password2": PASSWORD}
    visitor.post("/accounts/signup/", form | {"email": f"new-{person.email}"})
    Client(**forged).post("/accounts/signup/", form | {"email": person.email})
    member = Client(**forged)
    member.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    member.post("/accounts/email/", {"action_add": "", "email": f"more-{person.email}"})
    changed = {"oldpassword": PASSWORD, "password1": "one that is new", "password2": "one that is new"}
    assert member.post("/accounts/password/change/", changed).status_code == 302
    assert len(mailoutbox) == 6
    for mail in mailoutbox:
        said = f"{mail.subject} {mail.body}"
        assert "evil.example" not in said, mail.subject
        assert all(word.startswith("https://gateway.example/") for word in said.split() if "://" in word)
