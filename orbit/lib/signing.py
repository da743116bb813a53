"""Signatures of what we post, as https://www.standardwebhooks.com describes them."""

from __future__ import annotations

import base64
import binascii
import hmac

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)


def signature(key: bytes, name: str, stamp: str, content: bytes) -> str:
    """`name` and `stamp` go beside it, as `webhook-id` and `webhook-timestamp`."""
    signed = b".".join([name.encode(), stamp.encode(), content])
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def signing_key(secret: str) -> bytes | None:
    """Of `whsec_` and base64; None when it is none, or too short or long."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return None
    return key if len(key) in KEY_BYTES else None
