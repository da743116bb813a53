"""H3: a session that ended is of no use any more, and what changes an account ends all others."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.core.mail import EmailMessage
from django.test import Client

from console import sessions
from tenants.models import Person
from tenants.people import deactivate, end_sessions
from tests.console.conftest import make_person, signed_in
from tests.console.test_second_factor import PASSWORD, SECRET, code, give_totp
from tests.console.test_second_factor import sign_in as sign_in_anew

pytestmark = pytest.mark.usefixtures("own_address")

CHOSEN = "a wholly different one"


@pytest.fixture
def person() -> Person:
    made = make_person()
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made


def is_in(client: Client) -> bool:
    return client.get("/organizations/").status_code == 200


def replayed(client: Client) -> Client:
    """Another browser with this one's cookies as they are now."""
    copy = Client()
    copy.cookies["sessionid"] = client.cookies["sessionid"].value
    return copy


def test_sign_in_gets_a_new_id_and_a_planted_one_stays_outside(person: Person) -> None:
    client = Client()
    client.get("/accounts/login/")
    client.session.save()
    planted = client.session
    planted["planted"] = True
    planted.save()
    client.cookies["sessionid"] = planted.session_key or ""
    before = replayed(client)
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert is_in(client)
    assert client.cookies["sessionid"].value != planted.session_key
    assert not is_in(before)


def test_session_is_dead_after_signing_out(person: Person) -> None:
    client = sign_in_anew(person)
    before = replayed(client)
    assert is_in(before)
    client.post("/accounts/logout/")
    assert not is_in(before)
    assert not is_in(client)


def _confirmed(client: Client) -> None:
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


def _password(client: Client, person: Person) -> None:
    form = {"oldpassword": PASSWORD, "password1": CHOSEN, "password2": CHOSEN}
    assert client.post("/accounts/password/change/", form).status_code == 302


def _add_app(client: Client, person: Person) -> None:
    _confirmed(client)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    found = re.search(r'id="authenticator_secret"[^>]*value="(\w+)"', page)
    assert found
    assert client.post("/accounts/2fa/totp/activate/", {"code": code(found[1])}).status_code == 302


def _remove_app(client: Client, person: Person) -> None:
    TOTP.activate(person, SECRET)
    _confirmed(client)
    assert client.post("/accounts/2fa/totp/deactivate/").status_code == 302


def _new_codes(client: Client, person: Person) -> None:
    TOTP.activate(person, SECRET)
    RecoveryCodes.activate(person)
    _confirmed(client)
    assert client.post("/accounts/2fa/recovery-codes/generate/").status_code == 302


def _address(client: Client, person: Person) -> None:
    other = EmailAddress.objects.create(
        user=person, email=f"other-{secrets.token_hex(4)}@example.org", verified=True
    )
    client.post("/accounts/email/", {"action_primary": "", "email": other.email})
    person.refresh_from_db()
    assert person.email == other.email


def _end_others(client: Client, person: Person) -> None:
    assert client.post("/accounts/sessions/end-others/").status_code == 302


@pytest.mark.parametrize("change", [_password, _add_app, _remove_app, _new_codes, _address, _end_others])
def test_change_ends_all_other_sessions_and_keeps_this_one(
    person: Person, change: Callable[[Client, Person], None]
) -> None:
    mine, other = sign_in_anew(person), sign_in_anew(person)
    untracked = signed_in(person)  # one that is on no list
    assert is_in(other)
    assert is_in(untracked)
    old = replayed(mine)
    change(mine, person)
    assert is_in(mine)
    assert not is_in(other)
    assert not is_in(untracked)
    assert not is_in(old)  # this one goes on under a new id
    page = mine.get("/accounts/sessions/").content.decode()
    assert page.count("this one") == 1
    assert "End all other sessions" not in page


def test_password_that_was_reset_ends_sessions_and_its_link_works_once(
    person: Person, mailoutbox: list[EmailMessage], settings: Any
) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    other = sign_in_anew(person)
    Client().post("/accounts/password/reset/", {"email": person.email})
    found = re.search(r"https?://testserver(/\S+)", str(mailoutbox[-1].body))
    assert found
    client, late = Client(), Client()
    form = client.get(found[1])["Location"]
    late_form = late.get(found[1])["Location"]
    assert client.post(form, {"password1": CHOSEN, "password2": CHOSEN}).status_code == 302
    assert not is_in(other)
    # neither by who opened it before, nor by who opens it now
    late.post(late_form, {"password1": "quite another one", "password2": "quite another one"})
    assert "Location" not in Client().get(found[1]).headers
    person.refresh_from_db()
    assert person.check_password(CHOSEN)


def test_reset_does_not_get_past_the_second_factor(
    person: Person, mailoutbox: list[EmailMessage], settings: Any
) -> None:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    give_totp(person)
    client = Client()
    client.post("/accounts/password/reset/", {"email": person.email})
    found = re.search(r"https?://testserver(/\S+)", str(mailoutbox[-1].body))
    assert found
    form = client.get(found[1])["Location"]
    answer = client.post(form, {"password1": CHOSEN, "password2": CHOSEN})
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert not is_in(client)


def test_person_ends_one_session_of_their_own_and_nobody_elses(person: Person) -> None:
    mine, other, stranger = sign_in_anew(person), sign_in_anew(person), signed_in(make_person())
    theirs = UserSession.objects.get(session_key=other.cookies["sessionid"].value)
    path = f"/accounts/sessions/{theirs.pk}/end/"
    assert stranger.post(path).status_code == 404
    assert Client().post(path)["Location"].startswith("/accounts/login/")
    assert mine.get(path).status_code == 405
    assert is_in(other)
    assert mine.post(path).status_code == 302
    assert not is_in(other)
    assert is_in(mine)


def test_list_shows_device_address_and_time_of_each(person: Person) -> None:
    client = sign_in_anew(person)
    phone = Client(
        HTTP_USER_AGENT="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
        REMOTE_ADDR="203.0.113.77",
    )
    phone.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    page = client.get("/accounts/sessions/").content.decode()
    assert "Safari on iPhone" in page
    assert "203.0.113.77" in page
    assert page.count("last seen") == 2
    assert phone.cookies["sessionid"].value not in page


def test_operator_ends_a_persons_sessions(person: Person, staff: Client) -> None:
    one, two = sign_in_anew(person), sign_in_anew(person)
    listed = staff.get("/admin/usersessions/usersession/", {"q": person.email}).content.decode()
    assert listed.count(person.email) >= 2
    for client in (one, two):
        assert client.cookies["sessionid"].value not in listed
    row = UserSession.objects.get(session_key=one.cookies["sessionid"].value)
    assert staff.post(f"/admin/usersessions/usersession/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not is_in(one)
    assert is_in(two)
    staff.post("/admin/tenants/person/", {"action": "end_sessions", "_selected_action": [person.pk]})
    assert not is_in(two)


def test_operator_ends_many_sessions_at_once(person: Person, staff: Client) -> None:
    clients = [sign_in_anew(person) for _ in range(2)]
    rows = UserSession.objects.filter(user=person).values_list("pk", flat=True)
    many = {"action": "delete_selected", "post": "yes", "_selected_action": list(rows)}
    staff.post("/admin/usersessions/usersession/", many)
    assert [is_in(client) for client in clients] == [False, False]


def test_second_factor_that_an_operator_deletes_ends_sessions(person: Person, staff: Client) -> None:
    factor = give_totp(person)
    client = sign_in_anew(person)
    assert staff.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not is_in(client)


def test_session_of_somebody_deactivated_does_not_come_back_with_them(person: Person) -> None:
    client = signed_in(person)
    deactivate(person, actor="test")
    assert not is_in(client)
    Person.objects.filter(pk=person.pk).update(is_active=True)
    assert not is_in(client)


def test_of_too_many_sessions_the_one_unseen_for_longest_ends(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 4)
    clients = [sign_in_anew(person) for _ in range(4)]
    unseen = UserSession.objects.get(session_key=clients[2].cookies["sessionid"].value)
    UserSession.objects.filter(pk=unseen.pk).update(last_seen_at=unseen.last_seen_at - timedelta(days=1))
    clients.append(sign_in_anew(person))
    assert [number for number, client in enumerate(clients) if not is_in(client)] == [2]
    assert UserSession.objects.filter(user=person).count() == 4


def test_ending_sessions_of_one_leaves_others_alone(person: Person) -> None:
    bystander = signed_in(make_person())
    end_sessions(person)
    assert is_in(bystander)
