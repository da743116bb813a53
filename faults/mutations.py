"""JSON and bytes, spoilt a little: what remains looks enough like the real thing to get past the first check."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 1e308, 1.5, -0.0, float("nan"), float("inf"),
    "", " ", "0", "null", "true", "\x00", "\ud800", "é", "😀" * 50, "x" * 5_000, "data: [DONE]\n\n", "..", "text", "image",
    "tool_use", "user", "assistant", "system", "tool", "error", "http://127.0.0.1:9/", "data:image/png;base64,AAAA",
    [], {}, [[]], [None], [{}], [""], {"": None}, {"type": None}, {"type": "text"}, {"error": {}}, {"a": {"a": {"a": []}}},
)  # fmt: skip
SPLINTERS = (
    b"\x00", b"\n", b"\r", b"\n\n", b"\r\n", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\xff", b"\xef\xbb\xbf",
    b"data: ", b"event: error\n", b"data: [DONE]\n\n", b": \n\n", b"\\u0000", b"\\ud800", b"1e999", b"NaN", b"-", b"9" * 40,
)  # fmt: skip
Place = tuple[Any, Any]  # a container, and a key or index in it


def mutated(value: Any, chance: random.Random) -> Any:
    """A copy with one to three of its values changed."""
    made = deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = list(_places(made))
        if places:
            _change(*chance.choice(places), places, chance)
    return made


def written(value: Any) -> bytes:
    """As JSON, or what would be: numbers that are none and halves of characters included."""
    return json.dumps(value, ensure_ascii=True).encode()


def scrambled(raw: bytes, chance: random.Random) -> bytes:
    """One to four edits that know nothing of what the bytes mean."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw) + 1)
        until = min(len(raw), at + chance.choice((1, 1, 2, 8, 64)))
        match chance.randrange(5):
            case 0:
                raw = raw[:at] + chance.randbytes(until - at) + raw[until:]
            case 1:
                raw = raw[:at] + raw[until:]
            case 2:
                raw = raw[:at] + chance.choice(SPLINTERS) + raw[at:]
            case 3:
                raw = raw[:until] + raw[at:]
            case _:
                raw = raw[:at] if chance.random() < 0.3 else raw
    return raw


def pieces(raw: bytes, chance: random.Random) -> list[bytes]:
    """Cut at up to eight places."""
    cuts = sorted(chance.randrange(len(raw) + 1) for _ in range(chance.randint(0, 8)))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True) if a < b]


def _places(value: Any) -> Iterator[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inner):
        yield value, key
        yield from _places(one)


def _change(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    match chance.randrange(7):
        case 0:
            del container[key]
        case 1:
            container[key] = [container[key]]
        case 2:
            other, where = chance.choice(places)
            container[key] = deepcopy(other[where])
        case 3 if isinstance(container, dict):
            container[chance.choice(("type", "role", "content", "usage", "error", "x"))] = container.pop(key)
        case 4 if isinstance(container, list):
            container.insert(chance.randrange(len(container) + 1), deepcopy(container[key]))
        case 5:
            for _ in range(chance.choice((3, 30, 100))):
                container[key] = {"a": container[key]} if chance.random() < 0.5 else [container[key]]
        case _:
            container[key] = deepcopy(chance.choice(ODD))
