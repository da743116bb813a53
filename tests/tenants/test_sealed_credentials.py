"""Credentials in our own database open only where they were sealed."""

from __future__ import annotations

import base64
import json
import os
import pickle
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from orbit.lib import access
from tenants.models import Organization, ProviderAccount
from tenants.secrets import CredentialUnavailable, Secret, local, resolve
from tenants.secrets.local import CannotOpen, MasterKeys, Place
from tenants.services import NewCredential, save_account
from tests.tenants.conftest import SECRET


def _place() -> Place:
    return Place(uuid4(), uuid4(), "credential")


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _account(organization: Organization, name: str, value: str = SECRET) -> ProviderAccount:
    return save_account(
        organization_id=organization.id,
        name=name,
        kind="openai",
        base_url="https://api.openai.com/v1",
        credential=NewCredential(value=value),
        actor="test",
    ).row


def test_what_is_sealed_opens_in_its_place() -> None:
    place = _place()
    sealed = local.seal(SECRET, place)
    assert SECRET.encode() not in sealed
    assert local.unseal(sealed, place) == SECRET
    assert local.seal(SECRET, place) != sealed


@pytest.mark.parametrize("moved", ["organization_id", "row_id", "field"])
def test_another_place_does_not_open_it(moved: str) -> None:
    place = _place()
    elsewhere = {"organization_id": place.organization_id, "row_id": place.row_id, "field": place.field}
    elsewhere[moved] = "usage_credential" if moved == "field" else uuid4()
    with pytest.raises(CannotOpen):
        local.unseal(local.seal(SECRET, place), Place(**elsewhere))  # type: ignore[arg-type]


def test_no_changed_or_shortened_byte_opens() -> None:
    place = _place()
    sealed = local.seal(SECRET, place)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(CannotOpen):
            local.unseal(bytes(changed), place)
        with pytest.raises(CannotOpen):
            local.unseal(sealed[:at], place)


def test_rows_that_are_swapped_fail_closed(organization: Organization, other: Organization) -> None:
    one, two, foreign = (
        _account(organization, "one"),
        _account(organization, "two", "sk-2"),
        _account(other, "one"),
    )
    for victim, source in ((one, two), (one, foreign)):
        swapped = ProviderAccount(
            id=victim.id,
            organization_id=victim.organization_id,
            name=victim.name,
            credential_sealed=source.credential_sealed,
        )
        with pytest.raises(CredentialUnavailable):
            resolve(swapped)
    assert resolve(one).reveal() == SECRET
    with access.scope(organization_id=organization.id):
        assert resolve(ProviderAccount.objects.get(name="two")).reveal() == "sk-2"


def test_keys_rotate_and_old_ones_can_be_dropped(settings: Settings) -> None:
    place, old, new = _place(), _key(), _key()
    settings.ORBIT_MASTER_KEY = old
    sealed = local.seal(SECRET, place)
    settings.ORBIT_MASTER_KEY = f"2:{new},1:{old}"
    assert local.unseal(sealed, place) == SECRET
    rewrapped = local.rewrap(sealed, place)
    assert (local.key_version(sealed), local.key_version(rewrapped)) == (1, 2)
    assert local.rewrap(rewrapped, place) is rewrapped
    settings.ORBIT_MASTER_KEY = f"2:{new}"
    assert local.unseal(rewrapped, place) == SECRET
    with pytest.raises(CannotOpen):
        local.unseal(sealed, place)


def test_new_master_key_wraps_the_texts_own_key_anew(settings: Settings) -> None:
    place, old, new = _place(), _key(), _key()
    settings.ORBIT_MASTER_KEY = old
    sealed = local.seal(SECRET, place)
    settings.ORBIT_MASTER_KEY = f"2:{new},1:{old}"
    assert local.rewrap(sealed, place)[65:] == sealed[65:]  # the ciphertext


def test_no_part_of_one_text_fits_another(settings: Settings) -> None:
    place = _place()
    one, two = local.seal(SECRET, place), local.seal("sk-two", place)
    with pytest.raises(CannotOpen):
        local.unseal(one[:65] + two[65:], place)
    with pytest.raises(CannotOpen):  # the older format's byte does not make it one
        local.unseal(b"\x01" + one[1:], place)


def test_text_that_the_master_key_itself_sealed_still_opens(settings: Settings) -> None:
    """As this was done before texts had keys of their own; sealing anew gives it one."""
    place, nonce, header = _place(), os.urandom(12), b"\x01\x00\x00\x00\x01"
    settings.ORBIT_MASTER_KEY = _key()
    cipher = AESGCM(base64.b64decode(settings.ORBIT_MASTER_KEY))
    older = header + nonce + cipher.encrypt(nonce, SECRET.encode(), place.associated(header))
    assert local.unseal(older, place) == SECRET
    rewrapped = local.rewrap(older, place)
    assert rewrapped[:1] == b"\x02"
    assert local.unseal(rewrapped, place) == SECRET


KEY = "A" * 43 + "="


@pytest.mark.parametrize(
    "text", ["", "short", f"1:{KEY[:-1]}", f"0:{KEY}", f"x:{KEY}", f"{KEY},{KEY}", f"2:{KEY},2:{KEY}"]
)
def test_unusable_master_keys_are_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        MasterKeys.parse(text)


def test_master_keys_are_not_in_a_repr() -> None:
    key = _key()
    assert key not in repr(MasterKeys.parse(key))
    assert repr(base64.b64decode(key)) not in repr(MasterKeys.parse(key))


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert Secret("sk-one") == Secret("sk-one")
    assert Secret("sk-one") != Secret("sk-two")
    assert compared == [(b"sk-one", b"sk-one"), (b"sk-one", b"sk-two")]


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(SECRET)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", repr([secret]), f"{secret!r}"):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret == Secret(SECRET)
    assert secret != Secret("sk-other")
    assert SECRET not in repr(NewCredential(value=SECRET))


def test_a_reference_is_read_when_it_is_needed(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = save_account(
        organization_id=organization.id,
        name="main",
        kind="openai",
        base_url="https://api.openai.com/v1",
        credential=NewCredential(ref="env://TEST_PROVIDER_KEY"),
        actor="test",
        by_operator=True,
    ).row
    with pytest.raises(CredentialUnavailable, match="main") as caught:
        resolve(account)
    assert "TEST_PROVIDER_KEY" not in caught.value.message
    monkeypatch.setenv("TEST_PROVIDER_KEY", SECRET)
    assert resolve(account).reveal() == SECRET


def test_an_account_without_a_credential_says_so(organization: Organization) -> None:
    account = ProviderAccount(organization_id=organization.id, name="main")
    with pytest.raises(CredentialUnavailable):
        resolve(account)
