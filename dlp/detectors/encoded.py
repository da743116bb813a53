"""Base64 as people write it: with either alphabet, with padding or without."""

from __future__ import annotations

import base64
import binascii


def decoded(text: str) -> bytes:
    """ValueError if it is none."""
    try:
        return base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & {"-", "_"} else None
        )
    except binascii.Error as error:
        raise ValueError(str(error)) from None
