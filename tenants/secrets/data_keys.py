"""What an organization's data key does: it encrypts contents of calls, and makes digests of them that nobody can guess.

Each call's contents have a key of their own, derived from the data key and the event's id; AES-256-GCM binds each part to
its organization, event, name and generation. A sealed part reads: nonce (12), ciphertext with tag.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenants.secrets.local import CannotOpen

KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Part:
    """What a sealed content is bound to, the key's generation aside."""

    organization_id: UUID
    event_id: UUID
    name: str

    def associated(self, generation: int) -> bytes:
        return (
            self.organization_id.bytes
            + self.event_id.bytes
            + generation.to_bytes(4, "big")
            + self.name.encode()
        )


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A generation of an organization's data key, as it lies in memory."""

    generation: int
    key: bytes = field(repr=False)

    def digest(self) -> hmac.HMAC:
        """HMAC-SHA256 under a key that only whoever has the data key can make."""
        return hmac.new(self._derived(b"orbit content digest"), digestmod=hashlib.sha256)

    def seal(self, content: bytes, part: Part) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(part).encrypt(nonce, content, part.associated(self.generation))

    def unseal(self, sealed: bytes, part: Part) -> bytes:
        try:
            return self._cipher(part).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], part.associated(self.generation)
            )
        except (InvalidTag, ValueError):
            raise CannotOpen("not sealed for this call, or damaged") from None

    def _cipher(self, part: Part) -> AESGCM:
        return AESGCM(self._derived(b"orbit content key" + part.event_id.bytes))

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self.key, purpose, "sha256")
