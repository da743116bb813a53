"""Thinking: how much of it, and the signatures by which the vendor knows its own again."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

# Not a secret: every demo provider must accept what another has signed, as every region of the vendor does.
_SIGNING_KEY = b"orbit demo provider"
_NONCE_BYTES = 8
_TOKENS_BY_EFFORT = {"low": 16, "medium": 32, "high": 64, "xhigh": 128, "max": 256}


@dataclass(frozen=True, slots=True)
class Thinking:
    """`budget` None: the model decides. `shown` off: the block comes with its signature only."""

    budget: int | None
    shown: bool

    def tokens(self, effort: str) -> int:
        wanted = _TOKENS_BY_EFFORT[effort]
        return wanted if self.budget is None else min(wanted, self.budget)


def sign(text: str, seed: int) -> str:
    nonce = seed.to_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + _seal(nonce, text)).decode()


def is_ours(signature: str, text: str) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    nonce, seal = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
    return hmac.compare_digest(seal, _seal(nonce, text))


def _seal(nonce: bytes, text: str) -> bytes:
    return hmac.digest(_SIGNING_KEY, nonce + text.encode(), hashlib.sha256)
