"""The hash chain of an organization: each event's hash covers the event and the hash before it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

START = "0" * 64
# What may be a number with a fraction or an exponent, which orjson does not write as json does. All else it does, and much faster.
_FRACTION = re.compile(rb"[:,\[]-?\d+[.e]")


def canonical(event: Mapping[str, Any]) -> bytes:
    """The one way to write an exported event without its hash: sorted keys, no spaces, UTF-8."""
    kept = dict(event)
    kept.pop("hash", None)
    try:
        written = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
        if _FRACTION.search(written) is None:
            return written
    except (TypeError, RecursionError):
        pass  # what orjson does not write: deep nesting, very large integers
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link(event: Mapping[str, Any]) -> str:
    """The SHA-256 of an exported event, which names the hash before it as `prev_hash`."""
    return hashlib.sha256(canonical(event)).hexdigest()
