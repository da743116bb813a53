"""The text of an issued key, and what is kept of it."""

from __future__ import annotations

import hmac
import string

import pytest

from tenants import keys

PEPPER = "a-pepper-of-enough-characters"


def test_a_new_key_is_prefix_randomness_and_checksum() -> None:
    made = {keys.new_key() for _ in range(500)}
    assert len(made) == 500
    for key in made:
        assert key.startswith("orb_")
        assert set(key[4:]) <= set(string.ascii_letters + string.digits)
        assert len(key) == 4 + 43 + 6  # 43 * log2(62) = 256 bits
        assert keys.well_formed(key)


def test_any_changed_character_is_noticed() -> None:
    key = keys.new_key()
    for place in range(len(key)):
        for other in "A", "b", "7":
            changed = key[:place] + other + key[place + 1 :]
            assert changed == key or not keys.well_formed(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orb_",
        "sk-" + "a" * 50,
        "orb_" + "a" * 49,
        "orb_" + "a" * 1_000_000,
        "orb_' OR 1=1 --" + "a" * 38,
        "orb_\x00" + "a" * 48,
        "orb_" + "а" * 49,  # a Cyrillic letter
        "orb_" + "１" * 49,
        "ORB_" + "a" * 49,
        " orb_" + "a" * 48,
    ],
)
def test_garbage_is_not_well_formed(text: str) -> None:
    assert not keys.well_formed(text)
    assert not keys.well_formed(text + "\n")


def test_case_and_blanks_count() -> None:
    key = keys.new_key()
    assert not keys.well_formed(key.upper())
    assert not keys.well_formed(f"{key} ")


def test_the_digest_depends_on_key_and_pepper() -> None:
    key = keys.new_key()
    assert keys.digest(key, PEPPER) == keys.digest(key, PEPPER)
    assert len(keys.digest(key, PEPPER)) == 32
    assert keys.digest(key, PEPPER) != keys.digest(key, PEPPER + "x")
    assert keys.digest(key, PEPPER) != keys.digest(keys.new_key(), PEPPER)


def test_without_a_pepper_nothing_is_digested() -> None:
    with pytest.raises(ValueError, match="ORBIT_KEY_PEPPER"):
        keys.digest(keys.new_key(), "")


def test_the_hint_shows_first_and_last_characters() -> None:
    key = keys.new_key()
    assert keys.hint(key) == f"{key[:7]}…{key[-3:]}"


@pytest.mark.parametrize("pepper", ["p" * 16, "p" * 64, "é" * 40, "p" * 200])
def test_digest_is_hmac_with_sha_256(pepper: str) -> None:
    key = keys.new_key()
    assert keys.digest(key, pepper) == hmac.digest(pepper.encode(), key.encode(), "sha256")
