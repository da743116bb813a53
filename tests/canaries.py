"""Secrets made to be looked for, in whatever disguise they may turn up."""

from __future__ import annotations

import base64
import html
import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, quote_plus

BEGINNING = 12  # characters; longer than what any hint shows


def disguises(text: str) -> dict[str, bytes]:
    """The secret as it would stand in text, in a URL, in a database's dump, in a queue's message, hashed without a key."""
    raw = text.encode()
    digest = sha256(raw)
    made = {
        "raw": raw,
        "URL": quote(text, safe="").encode(),
        "form": quote_plus(text).encode(),
        "JSON": json.dumps(text)[1:-1].encode(),
        "JSON in JSON": json.dumps(json.dumps(text))[3:-3].encode(),
        "HTML": html.escape(text).encode(),
        "repr": repr(text)[1:-1].encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "SHA-256": digest.hexdigest().encode(),
        "SHA-256 raw": digest.digest(),
        "SHA-256 in base64": base64.b64encode(digest.digest()).rstrip(b"="),
        "beginning": text[:BEGINNING].encode(),
    }
    for offset in range(3):
        made[f"base64+{offset}"] = _inner_base64(raw, offset)
        made[f"base64url+{offset}"] = _inner_base64(raw, offset).translate(bytes.maketrans(b"+/", b"-_"))
    return made


def _inner_base64(raw: bytes, offset: int) -> bytes:
    """What of its base64 does not depend on what stands before and behind, where it begins `offset` bytes into a group."""
    encoded = base64.b64encode(b"\0" * offset + raw)
    first = 0 if offset == 0 else 4
    whole = (offset + len(raw)) // 3 * 4
    return encoded[first:whole]


@dataclass
class Search:
    """What was looked through by place, and what was found: `found` names the secret, its disguise and the place."""

    canaries: dict[str, str] = field(repr=False)
    searched: Counter[str] = field(default_factory=Counter)
    found: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._meanings: dict[bytes, set[tuple[str, str]]] = {}
        for name, text in self.canaries.items():
            for disguise, pattern in disguises(text).items():
                self._meanings.setdefault(pattern, set()).add((name, disguise))

    def look(self, place: str, content: bytes | str, detail: str = "") -> None:
        content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self.searched[place] += len(content)
        where = f"{place} {detail}".strip()
        for pattern, meanings in self._meanings.items():
            if pattern in content:
                self.found |= {(*meaning, where) for meaning in meanings}

    def summary(self) -> str:
        places = ", ".join(f"{place} {size:,}" for place, size in self.searched.items())
        return f"{len(self.canaries)} secrets in {len(self._meanings)} disguises, {self.searched.total():,} bytes: {places}"
