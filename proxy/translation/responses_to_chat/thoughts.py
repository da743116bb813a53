"""What the model thought, on its way through a client that keeps nothing but the items of a response.

Items of reasoning carry the blocks that the provider wants back in `encrypted_content`, which clients return as they
got it. It is neither secret nor trusted: whoever signed the blocks checks them.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

NAMES = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
MARK = "orbit-1."  # tells ours from what another provider made


def thought(value: Any) -> dict[str, str] | None:
    """A block as the next request must bring it back; None for what is none."""
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    names = NAMES.get(kind) if isinstance(kind, str) else None
    if names is None or not all(isinstance(value.get(name), str) for name in names):
        return None
    return {"type": value["type"], **{name: value[name] for name in names}}


def sealed(blocks: list[dict[str, str]]) -> str:
    return MARK + base64.b64encode(orjson.dumps({"thinking_blocks": blocks})).decode()


def unsealed(content: str) -> list[dict[str, str]] | None:
    """The blocks in a text that `sealed` wrote; None for any other."""
    if not content.startswith(MARK):
        return None
    try:
        found = orjson.loads(base64.b64decode(content.removeprefix(MARK), validate=True))
    except (binascii.Error, ValueError):
        return None
    blocks = found.get("thinking_blocks") if isinstance(found, dict) else None
    if not isinstance(blocks, list):
        return None
    kept = [thought(block) for block in blocks]
    return None if None in kept else [block for block in kept if block is not None]
