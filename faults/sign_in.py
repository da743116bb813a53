"""An operator's way into Django's admin, by HTTP: password, code of an authenticator app, first page."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.db import transaction

from tenants.people import ensure_person

PASSWORD = "correct horse battery staple"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
ADMIN = "/admin/"
PATIENCE_S = 60.0
PERIOD_S = 30
MOST_STEPS = 8


class CannotSignIn(Exception):
    """It says where the way ended."""


@dataclass(frozen=True)
class Operator:
    """A code of theirs opens once: who signs in often has several."""

    email: str
    secret: str

    def code(self) -> str:
        return str(format_hotp_value(hotp_value(self.secret, int(time.time()) // PERIOD_S)))


def make_operator() -> Operator:
    email, secret = f"op-{secrets.token_hex(6)}@example.com", generate_totp_secret()
    with transaction.atomic(using="default"):
        person, _ = ensure_person(email=email, password=PASSWORD, operator=True)
        person.approved_at = person.approved_at or person.date_joined
        person.save(update_fields=["approved_at"])
        TOTP.activate(person, secret)
    return Operator(email, secret)


@dataclass
class Browser:
    """One connection and its cookies; it follows redirects within the site."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> tuple[str, str]:
        """Where it ended, and the page."""
        return self._follow("GET", path, "")

    def post(self, path: str, page: str, **fields: str) -> tuple[str, str]:
        """With the token of the page that has the form."""
        found = TOKEN.search(page)
        if found is None:
            raise CannotSignIn(f"{path} has no form")
        return self._follow("POST", path, urlencode({"csrfmiddlewaretoken": found[1], **fields}))

    def _follow(self, method: str, path: str, body: str) -> tuple[str, str]:
        for _ in range(MOST_STEPS):
            status, content, onward = self._ask(method, path, body)
            if status == 200:
                return path, content
            if status not in (302, 303) or onward is None:
                raise CannotSignIn(f"{method} {path} was answered {status}")
            method, path, body = "GET", onward, ""
        raise CannotSignIn("it was sent in a circle")

    def _ask(self, method: str, path: str, body: str) -> tuple[int, str, str | None]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers = {
                "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
                "content-type": "application/x-www-form-urlencoded",
                "referer": f"http://127.0.0.1:{self.port}{path}",
            }
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read().decode()
            for line in answer.headers.get_all("set-cookie") or ():
                self.cookies.update({name: one.value for name, one in SimpleCookie(line).items()})
        finally:
            connection.close()
        onward = answer.headers["location"]
        parts = urlsplit(onward) if onward else None
        return answer.status, content, f"{parts.path}?{parts.query}".rstrip("?") if parts else None


def sign_in(port: int, operator: Operator) -> float:
    """How many seconds it took until the admin's first page was there."""
    began, browser = time.monotonic(), Browser(port)
    path, page = browser.get(ADMIN)
    path, page = browser.post(path, page, login=operator.email, password=PASSWORD)
    path, page = browser.post(path, page, code=operator.code())
    if path != ADMIN:
        raise CannotSignIn(f"it ended at {path}")
    return time.monotonic() - began
