"""Credentials sealed in our own database: AES-256-GCM under a versioned master key.

A sealed text reads: format (1 byte), key version (4 bytes), nonce (12 bytes), ciphertext with tag. It opens
only in the row and field that it was sealed for.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_FORMAT = b"\x01"
_VERSION_BYTES = 4
_NONCE_BYTES = 12
_KEY_BYTES = 32
_HEADER = len(_FORMAT) + _VERSION_BYTES


class CannotOpen(Exception):
    """The bytes were not sealed for this place, were changed, or need a key that we do not have."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a sealed text is bound to."""

    organization_id: UUID
    row_id: UUID
    field: str

    def associated(self, header: bytes) -> bytes:
        return header + self.organization_id.bytes + self.row_id.bytes + self.field.encode()


@dataclass(frozen=True, slots=True)
class MasterKeys:
    newest: int
    keys: dict[int, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> MasterKeys:
        """`KEY` (which is version 1) or `VERSION:KEY,VERSION:KEY`, newest first; keys of 32 bytes in base64."""
        keys: dict[int, bytes] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            number, colon, encoded = item.rpartition(":")
            version = int(number) if number.isdecimal() else 0 if colon else 1
            if not 0 < version < 2 ** (8 * _VERSION_BYTES) or version in keys:
                raise ImproperlyConfigured(
                    "ORBIT_MASTER_KEY needs a different number from 1 before each key."
                )
            keys[version] = _decoded(encoded)
        if not keys:
            raise ImproperlyConfigured(
                "ORBIT_MASTER_KEY is not set, so provider credentials cannot be sealed."
            )
        return cls(next(iter(keys)), keys)


def seal(text: str, place: Place) -> bytes:
    keys = _master_keys()
    header = _FORMAT + keys.newest.to_bytes(_VERSION_BYTES, "big")
    nonce = os.urandom(_NONCE_BYTES)
    return (
        header
        + nonce
        + AESGCM(keys.keys[keys.newest]).encrypt(nonce, text.encode(), place.associated(header))
    )


def unseal(sealed: bytes, place: Place) -> str:
    header, nonce, rest = (
        sealed[:_HEADER],
        sealed[_HEADER : _HEADER + _NONCE_BYTES],
        sealed[_HEADER + _NONCE_BYTES :],
    )
    key = _master_keys().keys.get(key_version(sealed))
    if key is None:
        raise CannotOpen(
            f"sealed under master key version {key_version(sealed)}, which ORBIT_MASTER_KEY lacks"
        )
    try:
        return AESGCM(key).decrypt(nonce, rest, place.associated(header)).decode()
    except (InvalidTag, ValueError):
        raise CannotOpen("not sealed for this row, or damaged") from None


def rewrap(sealed: bytes, place: Place) -> bytes:
    """The same text under the newest master key; the same bytes when they are under it already."""
    if key_version(sealed) == _master_keys().newest:
        return sealed
    return seal(unseal(sealed, place), place)


def key_version(sealed: bytes) -> int:
    if len(sealed) <= _HEADER + _NONCE_BYTES or sealed[: len(_FORMAT)] != _FORMAT:
        raise CannotOpen("no sealed text of ours")
    return int.from_bytes(sealed[len(_FORMAT) : _HEADER], "big")


def _master_keys() -> MasterKeys:
    return MasterKeys.parse(settings.ORBIT_MASTER_KEY)


def _decoded(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ImproperlyConfigured("Each key in ORBIT_MASTER_KEY must be 32 bytes in base64.")
    return key
