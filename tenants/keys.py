"""The text of an issued key: `orb_`, 43 random characters, 6 of checksum. Pure.

Keys of the management API have prefixes of their own, so that none is taken for another.

The checksum lets garbage be refused without a look at the database, and secret scanners be sure.
"""

from __future__ import annotations

import secrets
import string
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

PREFIX = "orb_"
MANAGEMENT = "orbm_"  # an organization's
OPERATOR = "orbo_"  # the installation's
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 43  # characters; 256 bits
_CHECKSUM = 6  # characters; 62^6 > 2^32
LENGTH = len(PREFIX) + _RANDOM + _CHECKSUM
LEAST_PEPPER = 16
_BLOCK = 64  # bytes that SHA-256 takes at once


def new_key(prefix: str = PREFIX) -> str:
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def well_formed(text: str, prefix: str = PREFIX) -> bool:
    """Whether this could be one of our keys. Costs the same small amount for whatever a client sends."""
    if len(text) != len(prefix) + _RANDOM + _CHECKSUM or not text.startswith(prefix):
        return False
    if not text.isascii() or not text[len(prefix) :].isalnum():
        return False
    return _checksum(text[:-_CHECKSUM]) == text[-_CHECKSUM:]


def digest(text: str, pepper: str) -> bytes:
    """What is stored of a key, and what it is found by."""
    if len(pepper) < LEAST_PEPPER:
        raise ValueError(f"ORBIT_KEY_PEPPER must have at least {LEAST_PEPPER} characters.")
    # HMAC with SHA-256, whose two halves of the pepper are taken in once: this is paid by every request
    inner, outer = (half.copy() for half in _halves(pepper))
    inner.update(text.encode())
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(maxsize=8)
def _halves(pepper: str) -> tuple[Hash, Hash]:
    """SHA-256 of the padded pepper, as RFC 2104 begins its two."""
    key = pepper.encode()
    key = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return sha256(bytes(one ^ 0x36 for one in key)), sha256(bytes(one ^ 0x5C for one in key))


def hint(text: str) -> str:
    """How a key is shown after it was issued: `orb_AbC…x9Z`."""
    return f"{text[: text.index('_') + 4]}…{text[-3:]}"


def _checksum(body: str) -> str:
    rest, characters = crc32(body.encode()), ""
    for _ in range(_CHECKSUM):
        rest, digit = divmod(rest, len(_ALPHABET))
        characters = _ALPHABET[digit] + characters
    return characters
