"""G6, G9, H6: guesses are counted per address and per account, however either is written."""

from __future__ import annotations

import io
import secrets
import sys
import unicodedata
from collections import defaultdict
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from console.adapters import AccountAdapter
from tenants.lockout import account_key
from tenants.models import Person
from tests.console.conftest import make_person, signed_in
from tests.console.test_second_factor import PASSWORD, code, give_totp

TRIES = 5  # of one account in five minutes, from wherever
FROM_ONE_ADDRESS = 10  # in a minute, at whatever account
LOCKED = "Too many failed login attempts"
WRONG = "not correct"


def somewhere() -> str:
    """An address of its own for each try, so that only the account's limit can bite."""
    return f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"


def try_once(login: str, password: str = "wrong", **headers: str) -> str:
    sent: dict[str, Any] = {"REMOTE_ADDR": somewhere(), **headers}
    client = Client(**sent)
    return client.post("/accounts/login/", {"login": login, "password": password}).content.decode()


def lock(login: str) -> None:
    for _ in range(TRIES):
        assert WRONG in try_once(login)
    assert LOCKED in try_once(login)


@pytest.fixture
def person() -> Person:
    made = make_person()
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made


def may_sign_in(person: Person) -> bool:
    client = Client(REMOTE_ADDR=somewhere())
    return client.post("/accounts/login/", {"login": person.email, "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("guesses", [40, pytest.param(500, marks=pytest.mark.full)])
def test_of_all_guesses_from_everywhere_five_are_looked_at(person: Person, guesses: int) -> None:
    judged = sum(WRONG in try_once(person.email) for _ in range(guesses))
    assert judged == TRIES
    assert not may_sign_in(person)  # the right password is not tried either


@pytest.mark.parametrize("guesses", [40, pytest.param(500, marks=pytest.mark.full)])
def test_of_all_guesses_from_one_address_ten_are_looked_at(guesses: int) -> None:
    here = somewhere()
    judged = sum(WRONG in try_once(f"p{n}@example.org", REMOTE_ADDR=here) for n in range(guesses))
    assert judged == FROM_ONE_ADDRESS


def test_lock_does_not_tell_whether_there_is_an_account(person: Person) -> None:
    stranger = f"nobody-{secrets.token_hex(6)}@example.org"

    def told(login: str) -> list[tuple[bool, bool]]:
        pages = [try_once(login) for _ in range(TRIES + 2)]
        return [(WRONG in page, LOCKED in page) for page in pages]

    assert told(person.email) == told(stranger)


def test_every_way_of_writing_an_address_counts_for_one(person: Person) -> None:
    """What the form lets pass: case, and the four letters that Python's patterns take for ASCII ones."""
    name = f"kis-{secrets.token_hex(4)}@example.org"
    Person.objects.filter(pk=person.pk).update(email=name)
    EmailAddress.objects.filter(user=person).update(email=name)
    ways = [name.upper(), f" {name} ", name.replace("k", "\u212a"), name.replace("s", "\u017f")]
    ways += [name.replace("i", "\u0131"), name.title(), name]
    judged = sum(WRONG in try_once(way) for way in ways for _ in range(3))
    assert judged == TRIES


def test_one_key_for_all_that_the_database_takes_for_the_same_letter() -> None:
    letters = [chr(n) for n in range(1, sys.maxunicode) if unicodedata.category(chr(n)) not in {"Cs", "Cn"}]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c, upper(c), lower(c) FROM unnest(%s::text[]) AS c WHERE c <> upper(c) OR c <> lower(c)",
            [letters],
        )
        rows = cursor.fetchall()
    same: dict[str, set[str]] = defaultdict(set)
    for letter, *forms in rows:
        for form in forms:
            if unicodedata.category(form[0]) == "Cn":  # Postgres knows a newer Unicode than this Python
                continue
            same[form] |= {account_key(letter), account_key(form)}
    assert len(rows) > 2_500
    assert [form for form, keys in same.items() if len(keys) > 1] == []


def test_another_host_header_gives_no_more_tries(person: Person) -> None:
    hosts = [f"{name}:{port}" for name in ("localhost", "testserver", "127.0.0.1") for port in range(80, 84)]
    judged = sum(WRONG in try_once(person.email, HTTP_HOST=host) for host in hosts)
    assert judged == TRIES


def test_forged_chains_of_proxies_give_no_more_tries(settings: Any) -> None:
    forged = [f"{somewhere()}, {somewhere()}, 198.51.100.{secrets.randbelow(256)}" for _ in range(30)]
    names = {"HTTP_X_REAL_IP": "1.2.3.4", "HTTP_FORWARDED": "for=1.2.3.4", "HTTP_CLIENT_IP": "1.2.3.4"}
    here = somewhere()
    judged = sum(
        WRONG in try_once(f"d{n}@example.org", REMOTE_ADDR=here, HTTP_X_FORWARDED_FOR=chain, **names)
        for n, chain in enumerate(forged)
    )
    assert judged == FROM_ONE_ADDRESS  # no proxy of ours: the peer counts
    settings.ORBIT_TRUSTED_PROXIES = 1
    client = somewhere()
    judged = sum(
        WRONG
        in try_once(f"p{n}@example.org", REMOTE_ADDR=somewhere(), HTTP_X_FORWARDED_FOR=f"{chain}, {client}")
        for n, chain in enumerate(forged)
    )
    assert judged == FROM_ONE_ADDRESS  # one: what it added counts, whoever the peer and whatever came before


@pytest.mark.parametrize("chain", ["", "unknown", "not an address", ",,", "1.2.3.4.5"])
def test_chain_that_makes_no_sense_falls_back_to_the_peer(rf: Any, chain: str, settings: Any) -> None:
    settings.ORBIT_TRUSTED_PROXIES = 1
    request = rf.get("/", REMOTE_ADDR="203.0.113.5", HTTP_X_FORWARDED_FOR=chain)
    assert AccountAdapter().get_client_ip(request) == "203.0.113.5"


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
    ],
)
def test_address_counts_in_one_form(rf: Any, peer: str, counted: str) -> None:
    assert AccountAdapter().get_client_ip(rf.get("/", REMOTE_ADDR=peer)) == counted


def test_neighbours_of_one_ipv6_network_count_as_one() -> None:
    network = f"2001:db8:{secrets.randbelow(2**16):x}:7"
    judged = sum(
        WRONG in try_once(f"v6-{n}@example.org", REMOTE_ADDR=f"{network}::{n:x}") for n in range(1, 20)
    )
    assert judged == FROM_ONE_ADDRESS


def test_codes_of_the_second_factor_are_counted_too(person: Person) -> None:
    give_totp(person)

    def guess(given: str) -> str:
        client = Client(REMOTE_ADDR=somewhere())
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        answer = client.post("/accounts/2fa/authenticate/", {"code": given})
        return answer.content.decode() if answer.status_code == 200 else "in"

    judged = sum("Incorrect code" in guess("000000") for _ in range(TRIES + 3))
    assert judged == TRIES
    assert LOCKED in guess(code())
    call_command("unlock", person.email, stdout=io.StringIO())
    assert guess(code()) == "in"


def test_operators_lift_a_lock_by_command_and_in_the_admin(person: Person, staff: Client) -> None:
    lock(person.email)
    assert not may_sign_in(person)
    said = io.StringIO()
    call_command("unlock", person.email.upper(), stdout=said)
    assert said.getvalue() == f"{person.email} may try again.\n"
    assert may_sign_in(person)
    lock(person.email)
    support = signed_in(make_person(is_staff=True))
    form = {"action": "lift_lockout", "_selected_action": [person.pk]}
    assert support.post("/admin/tenants/person/", form).status_code == 403
    assert not may_sign_in(person)
    staff.post("/admin/tenants/person/", form)
    assert may_sign_in(person)


def test_unlocking_nobody_says_so() -> None:
    with pytest.raises(CommandError, match="nobody has signed up"):
        call_command("unlock", "nobody@example.org")


def test_lock_ends_with_a_reset_of_the_password(person: Person, settings: Any, mailoutbox: list[Any]) -> None:
    lock(person.email)
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    client = Client(REMOTE_ADDR=somewhere())
    client.post("/accounts/password/reset/", {"email": person.email})
    link = next(word for word in str(mailoutbox[-1].body).split() if word.startswith("http://"))
    form = client.get(link.removeprefix("http://testserver"))["Location"]
    assert client.post(form, {"password1": PASSWORD + "!", "password2": PASSWORD + "!"}).status_code == 302
    assert WRONG in try_once(person.email)


def test_too_many_requests_get_a_page_of_ours() -> None:
    client = Client(REMOTE_ADDR=somewhere())
    form = {"email": "nobody@example.org"}
    answers = [client.post("/accounts/password/reset/", form) for _ in range(8)]
    assert answers[-1].status_code == 429
    assert "That was too often" in answers[-1].content.decode()
