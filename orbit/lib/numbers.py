"""JSON with integers of more than 64 bits: orjson reads them as floats, which are other numbers, and writes none."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

LONG = re.compile(rb"\d{19}")  # of fewer digits, all fit


def read(text: bytes) -> Any:
    """As orjson reads it, and every integer with all its digits. JSONDecodeError for what is no JSON."""
    return exactly(text, orjson.loads(text))


def exactly(text: bytes, found: Any) -> Any:
    """What orjson has `found` in a text, with all digits of its integers."""
    if LONG.search(text) is None:
        return found
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # of thousands of digits, which nobody means
        return found


def write(value: Any) -> bytes:
    """As orjson writes it, and longer integers too. JSONEncodeError for what neither can write."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise orjson.JSONEncodeError(str(error)) from error
