"""Asks the pool, from a web process. Nothing here blocks the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlp.findings import Finding
from dlp.names import wire
from dlp.names.wire import Reason

MAX_CHARACTERS = 200_000  # of one question
MAX_PENDING = 256  # questions of one process that wait for an answer


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Names were not looked for in any of the texts."""

    reason: Reason


class Names:
    """One for each event loop. It connects when it is first asked, and again when the pool was away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connecting = asyncio.Lock()
        self._link: _Link | None = None

    async def find(
        self, texts: Sequence[str], deadline_s: float, who: str = ""
    ) -> list[tuple[Finding, ...]] | Unavailable:
        """For each text its findings, in order of place and without overlaps: PERSON and ADDRESS. `deadline_s` is how long the
        answer may take from now on. The queue is shared evenly among those that `who` tells apart. Raises nothing but what
        cancels the caller."""
        if sum(map(len, texts)) > MAX_CHARACTERS:
            return Unavailable(Reason.LONG)
        try:
            async with asyncio.timeout(deadline_s):
                link = await self._connected()
                return await link.ask(texts, deadline_s, who)
        except TimeoutError:
            return Unavailable(Reason.LATE)
        except (OSError, EOFError):
            return Unavailable(Reason.AWAY)

    async def close(self) -> None:
        if self._link is not None:
            await self._link.close()

    async def _connected(self) -> _Link:
        async with self._connecting:
            if self._link is None or self._link.lost:
                reader, writer = await asyncio.open_unix_connection(str(self._path), limit=1 << 20)
                self._link = _Link(reader, writer)
            return self._link


class _Link:
    """One connection, over which many ask at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read(), name="names: answers")

    @property
    def lost(self) -> bool:
        return self._reading.done()

    async def ask(
        self, texts: Sequence[str], deadline_s: float, who: str
    ) -> list[tuple[Finding, ...]] | Unavailable:
        if len(self._pending) >= MAX_PENDING:
            return Unavailable(Reason.FULL)
        number = next(self._numbers)
        deadline_ms = round(deadline_s * 1000)
        question = {"id": number, "who": who, "deadline_ms": deadline_ms, "texts": list(map(_clean, texts))}
        self._pending[number] = answer = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(wire.packed(question))
            await self._writer.drain()
            said = await answer
        finally:
            self._pending.pop(number, None)
        if "found" in said:
            return [wire.findings(found) for found in said["found"]]
        return Unavailable(Reason(said["unavailable"]))

    async def close(self) -> None:
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self) -> None:
        try:
            while True:
                said = await wire.read(self._reader)
                answer = self._pending.get(said["id"])
                if answer is not None and not answer.done():
                    answer.set_result(said)
        except (EOFError, OSError, wire.BadFrame):
            pass
        finally:
            self._writer.close()
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError())


def _clean(text: str) -> str:
    """Half of a pair of surrogates is no character and cannot be written down; a sign in its place keeps all places."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
