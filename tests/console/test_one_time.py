"""H7: what works once works once, also when twenty browsers send it in the same moment."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.mail import EmailMessage
from django.db import connections
from django.test import Client

from tenants.models import Person
from tests.console.conftest import make_person
from tests.console.test_second_factor import PASSWORD, code, give_totp
from tests.console.test_sessions import is_in

AT_ONCE = 20


@pytest.fixture(autouse=True)
def _unlimited(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = False


@pytest.fixture
def person() -> Person:
    made = make_person()
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made


def together(clients: list[Client], do: Callable[[Client], object]) -> None:
    gate = threading.Barrier(len(clients))

    def run(client: Client) -> None:
        try:
            gate.wait()
            do(client)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def half_signed_in(person: Person) -> list[Client]:
    clients = [Client() for _ in range(AT_ONCE)]
    for client in clients:
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    return clients


@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_one_code_lets_one_browser_in(person: Person, kind: str) -> None:
    give_totp(person)
    spare = RecoveryCodes.activate(person).get_unused_codes()[0]
    clients = half_signed_in(person)
    given = code() if kind == "totp" else spare
    together(clients, lambda client: client.post("/accounts/2fa/authenticate/", {"code": given}))
    assert [is_in(client) for client in clients].count(True) == 1


def test_of_many_who_use_one_reset_link_at_once_one_is_in_the_end(
    person: Person, mailoutbox: list[EmailMessage], settings: Any
) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    Client().post("/accounts/password/reset/", {"email": person.email})
    found = re.search(r"https?://testserver(/\S+)", str(mailoutbox[-1].body))
    assert found
    clients = [Client() for _ in range(AT_ONCE)]
    forms = {id(client): client.get(found[1])["Location"] for client in clients}

    def choose(client: Client) -> None:
        chosen = f"chosen by {id(client)}"
        client.post(forms[id(client)], {"password1": chosen, "password2": chosen})

    together(clients, choose)
    assert [is_in(client) for client in clients].count(True) == 1
