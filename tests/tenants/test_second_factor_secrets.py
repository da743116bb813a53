"""Who copies the database cannot make anybody's codes."""

from __future__ import annotations

import base64
import os

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from pytest_django import Settings

from tenants import second_factors
from tenants.models import Person
from tenants.secrets import local
from tests.console.conftest import make_person
from tests.console.test_second_factor import SECRET, code, give_totp
from tests.tenants.conftest import run


@pytest.fixture
def person() -> Person:
    return make_person()


def kept(person: Person) -> str:
    return str(list(Authenticator.objects.filter(user=person).values_list("data", flat=True)))


def test_the_database_has_neither_secret_nor_seed(person: Person) -> None:
    totp = give_totp(person)
    codes = RecoveryCodes.activate(person)
    assert SECRET not in kept(person)
    assert kept(person).count("sealed:") == 2
    assert TOTP(totp).validate_code(code())
    assert codes.validate_code(codes.get_unused_codes()[0])


@pytest.mark.full
def test_what_was_plain_works_and_is_sealed_by_the_command(person: Person, settings: Settings) -> None:
    totp = give_totp(person)
    totp.data["secret"] = SECRET
    totp.save()
    assert second_factors.unseal(totp.data["secret"]) == SECRET
    run("secrets", "rewrap")  # says no where other tests left what does not open
    totp.refresh_from_db()
    assert SECRET not in kept(person)
    assert TOTP(totp).validate_code(code())


def test_sealed_anew_they_do_without_the_old_master_key(person: Person, settings: Settings) -> None:
    text = second_factors.seal(SECRET)
    old, new = settings.ORBIT_MASTER_KEY, base64.b64encode(os.urandom(32)).decode()
    totp = give_totp(person)
    settings.ORBIT_MASTER_KEY = f"2:{new},1:{old}"
    count, _ = second_factors.rewrap()
    assert count >= 1
    assert second_factors.rewrap()[0] == 0
    settings.ORBIT_MASTER_KEY = f"2:{new}"
    totp.refresh_from_db()
    assert second_factors.unseal(totp.data["secret"]) == SECRET
    with pytest.raises(local.CannotOpen):
        second_factors.unseal(text)
    settings.ORBIT_MASTER_KEY = f"1:{old},2:{new}"
    second_factors.rewrap()  # back: other tests' people are in the same database


def test_one_that_does_not_open_is_named_and_left(person: Person) -> None:
    totp = give_totp(person)
    totp.data["secret"] = "sealed:AAAA"
    totp.save()
    assert person.email in second_factors.rewrap()[1]
    totp.refresh_from_db()
    assert totp.data["secret"] == "sealed:AAAA"
    totp.delete()
