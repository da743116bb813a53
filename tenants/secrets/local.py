"""Credentials sealed in our own database: AES-256-GCM under a key of their own, which a versioned master key wraps.

A sealed text reads: format (1 byte), master key's version (4), nonce (12), wrapped key with tag (48), nonce (12), ciphertext
with tag. It opens only in the row and field that it was sealed for. In the older format the master key itself sealed:
format, version, nonce, ciphertext with tag.
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

_FORMAT = b"\x02"
_OLDER = b"\x01"
_VERSION_BYTES = 4
_NONCE_BYTES = 12
_KEY_BYTES = 32
_HEADER = len(_FORMAT) + _VERSION_BYTES
_WRAPPED = _NONCE_BYTES + _KEY_BYTES + 16  # the tag


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
    key = os.urandom(_KEY_BYTES)
    return _wrapped(key, place) + _encrypted(key, text.encode(), place.associated(_FORMAT))


def unseal(sealed: bytes, place: Place) -> str:
    header, rest = sealed[:_HEADER], sealed[_HEADER:]
    master = _master_key(key_version(sealed))
    try:
        if sealed[:1] == _OLDER:
            return _decrypted(master, rest, place.associated(header)).decode()
        key = _decrypted(master, rest[:_WRAPPED], place.associated(header))
        return _decrypted(key, rest[_WRAPPED:], place.associated(_FORMAT)).decode()
    except (InvalidTag, ValueError):
        raise CannotOpen("not sealed for this row, or damaged") from None


def rewrap(sealed: bytes, place: Place) -> bytes:
    """The same text under the newest master key; the same bytes when they are under it already."""
    text = unseal(sealed, place)  # also what needs no new key is looked at: it may be damaged
    if sealed[:1] == _OLDER:
        return seal(text, place)
    if key_version(sealed) == _master_keys().newest:
        return sealed
    header, wrapped = sealed[:_HEADER], sealed[_HEADER : _HEADER + _WRAPPED]
    key = _decrypted(_master_key(key_version(sealed)), wrapped, place.associated(header))
    return _wrapped(key, place) + sealed[_HEADER + _WRAPPED :]


def key_version(sealed: bytes) -> int:
    if len(sealed) <= _HEADER + _NONCE_BYTES or sealed[: len(_FORMAT)] not in (_FORMAT, _OLDER):
        raise CannotOpen("no sealed text of ours")
    return int.from_bytes(sealed[len(_FORMAT) : _HEADER], "big")


def _wrapped(key: bytes, place: Place) -> bytes:
    keys = _master_keys()
    header = _FORMAT + keys.newest.to_bytes(_VERSION_BYTES, "big")
    return header + _encrypted(keys.keys[keys.newest], key, place.associated(header))


def _encrypted(key: bytes, content: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, associated)


def _decrypted(key: bytes, content: bytes, associated: bytes) -> bytes:
    return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], associated)


def _master_key(version: int) -> bytes:
    key = _master_keys().keys.get(version)
    if key is None:
        raise CannotOpen(f"sealed under master key version {version}, which ORBIT_MASTER_KEY lacks")
    return key


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
