"""The hash chain of an organization: each event's hash covers the event and the hash before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

START = "0" * 64


def canonical(event: Mapping[str, Any]) -> bytes:
    """The one way to write an exported event without its hash: sorted keys, no spaces, UTF-8."""
    kept = {name: value for name, value in event.items() if name != "hash"}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link(event: Mapping[str, Any]) -> str:
    """The SHA-256 of an exported event, which names the hash before it as `prev_hash`."""
    return hashlib.sha256(canonical(event)).hexdigest()
