"""What one call sends and is answered, copied as it passes, where its policy has it stored.

Calls without such a policy have no copy, and go the same way without a step more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from orbit.lib.exchange import Answer
from proxy.providers.base import Prepared
from tenants.secrets import Secret
from tenants.secrets.data_keys import OpenedKey
from tenants.storing import Storing

OFF_LOOP = 256 * 1024  # bytes whose digest takes too long for the event loop


class Half:
    """One direction: the beginning of what passed, up to `most` bytes, and the digest of all of it."""

    __slots__ = ("content_type", "digest", "kept", "most", "pieces", "size")

    def __init__(self, key: OpenedKey, most: int, content_type: str = "") -> None:
        self.content_type = content_type
        self.digest = key.digest()
        self.most = most
        self.pieces: list[bytes] = []
        self.kept = self.size = 0

    def add(self, piece: bytes) -> None:
        self.digest.update(piece)
        self.size += len(piece)
        room = self.most - self.kept
        if room > 0 and piece:
            self.pieces.append(piece if len(piece) <= room else piece[:room])
            self.kept += min(room, len(piece))

    @property
    def truncated(self) -> bool:
        return self.kept < self.size

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    def told(self) -> dict[str, Any]:
        """As the event has it."""
        return {"hmac_sha256": self.digest.hexdigest(), "bytes": self.size}


@dataclass(slots=True)
class Copy:
    """Of one call. `answer` is what the last provider that was tried said, in its own format."""

    key: OpenedKey
    storing: Storing
    most: int
    required: bool
    spoken: str = ""  # kind of account and endpoint whose formats these are
    request: Half | None = None
    answer: Half | None = None
    taken: bool = False  # whether it was handed over

    async def sends(self, prepared: Prepared, spoken: str) -> None:
        """Takes what goes to a provider now, personal data masked where a policy has it masked: this is after that."""
        content_type = next((value for name, value in prepared.headers if name.lower() == "content-type"), "")
        self.spoken, self.answer = spoken, None
        self.request = half = Half(self.key, self.most, content_type or "application/json")
        if len(prepared.body) > OFF_LOOP:
            await asyncio.to_thread(half.add, prepared.body)
        else:
            half.add(prepared.body)

    def heard(self, answer: Answer) -> Answer:
        """The answer, copied as it is read."""
        self.answer = half = Half(self.key, self.most, answer.header("content-type") or "")
        return Copied(answer, half)

    def followed(self, content: bytes) -> None:
        """What a call that was answered before it was worked on became in the end."""
        self.answer = Half(self.key, self.most, "application/json")
        self.answer.add(content)

    def hide(self, secret: Secret | None) -> None:
        """A provider may repeat what it was sent; the account's credential is no content."""
        text = b"" if secret is None else secret.reveal().encode()
        half = self.answer
        if half is not None and text and text in half.content:
            clean = Half(self.key, self.most, half.content_type)
            clean.add(half.content.replace(text, b"***"))
            self.answer = clean

    def told(self) -> dict[str, Any]:
        parts = {"request": self.request, "answer": self.answer}
        return {name: half.told() for name, half in parts.items() if half is not None and half.size}


@dataclass(slots=True)
class Copied:
    """An answer that is copied as it is read."""

    answer: Answer
    half: Half
    status: int = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.answer.status

    def header(self, name: str) -> str | None:
        return self.answer.header(name)

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return self.answer.headers(names)

    async def read(self) -> bytes:
        piece = await self.answer.read()
        self.half.add(piece)
        return piece

    async def hang_up(self) -> AsyncIterator[bytes]:
        async for piece in self.answer.hang_up():
            self.half.add(piece)
            yield piece
