"""Names by the model, as calls ask for them: each text once, in small questions, until a deadline.

What the model said of a text is remembered by a keyed digest of organization and text, whatever policy asked and in
whichever direction it went: so a chat's next turn asks only about what is new.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from django.conf import settings

from dlp.findings import Finding
from dlp.names.client import Names, Unavailable
from dlp.names.skim import Stretch, stretches
from dlp.names.wire import Reason
from proxy.personal.findings import Found

REMEMBERED = 20_000  # texts
MOST_FINDINGS = 200  # of a text that is remembered
AT_ONCE = 20_000  # characters that are skimmed in the event loop
QUESTION = 8_000  # characters that a worker gets at a time, so that others come between
WAITING = 32  # answers of one web worker that wait for the model at a time
GRACE_S = 1.0  # beyond the deadline, which the event loop keeps


@dataclass(frozen=True, slots=True)
class Said:
    """What the model found in those texts that it looked through; `missed` says why it did not in the others."""

    found: dict[str, Found]
    missed: Reason | None = None


@dataclass
class Asker:
    """One of a worker. Without a `path` the installation has no workers that find names."""

    path: Path | None = None
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    known: OrderedDict[bytes, Found] = field(default_factory=OrderedDict, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    asked: int = 0  # texts that were not remembered

    async def find(
        self,
        organization_id: str,
        texts: Iterable[str],
        deadline_s: float,
        threads: ThreadPoolExecutor | None = None,
    ) -> Said:
        """In the event loop alone; long texts are skimmed in one of `threads`, or of the loop's own."""
        until = time.monotonic() + deadline_s
        wanted = list(dict.fromkeys(texts))
        if sum(map(len, wanted)) <= AT_ONCE:
            found, parts = self._sorted(organization_id, wanted)
        else:
            loop = asyncio.get_running_loop()
            found, parts = await loop.run_in_executor(threads, self._sorted, organization_id, wanted)
        return await self._said(organization_id, found, parts, until)

    def wait(
        self, loop: asyncio.AbstractEventLoop, organization_id: str, texts: Sequence[str], deadline_s: float
    ) -> Said:
        """The same for a thread, which it blocks. Skimmed there, since all others may be waiting as well."""
        until = time.monotonic() + deadline_s
        found, parts = self._sorted(organization_id, list(dict.fromkeys(texts)))
        if not parts:
            return Said(found)
        asking = asyncio.run_coroutine_threadsafe(self._said(organization_id, found, parts, until), loop)
        try:
            return asking.result(max(0.0, until - time.monotonic()) + GRACE_S)
        except TimeoutError:
            asking.cancel()
            return Said({}, Reason.LATE)

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        """Of answers that wait for the model, so that those that do not are never behind them."""
        return ThreadPoolExecutor(WAITING, thread_name_prefix="names")

    async def close(self) -> None:
        if "threads" in self.__dict__:
            self.threads.shutdown(wait=False, cancel_futures=True)
        if "_names" in self.__dict__:
            await self._names.close()

    @cached_property
    def _names(self) -> Names:
        assert self.path is not None
        return Names(self.path)

    def _sorted(
        self, organization_id: str, texts: Sequence[str]
    ) -> tuple[dict[str, Found], dict[str, list[Stretch]]]:
        """What is known of them, and what of the others is to be read."""
        found: dict[str, Found] = {}
        parts: dict[str, list[Stretch]] = {}
        for text in texts:
            known = self._remembered(organization_id, text)
            if known is not None:
                found[text] = known
            elif some := stretches(text):
                parts[text] = some
            else:
                found[text] = ()
        return found, parts

    async def _said(
        self, organization_id: str, found: dict[str, Found], parts: dict[str, list[Stretch]], until: float
    ) -> Said:
        if not parts:
            return Said(found)
        if self.path is None:
            return Said(found, Reason.AWAY)
        return Said(found, await self._ask(organization_id, parts, found, until))

    async def _ask(
        self, organization_id: str, parts: dict[str, list[Stretch]], found: dict[str, Found], until: float
    ) -> Reason | None:
        """Puts into `found` what was looked at; None where that is all."""
        left = {text: len(some) for text, some in parts.items()}
        heard: dict[str, list[Finding]] = {text: [] for text in parts}
        for question in _questions(parts):
            said = await self._names.find(
                [stretch.text for _, stretch in question], until - time.monotonic(), organization_id
            )
            if isinstance(said, Unavailable):
                return said.reason
            for (text, stretch), findings in zip(question, said, strict=True):
                heard[text] += [_moved(one, stretch.start) for one in findings]
                left[text] -= 1
                if not left[text]:
                    self.asked += 1
                    found[text] = tuple(heard[text])
                    self._remember(organization_id, text, found[text])
        return None

    def _remembered(self, organization_id: str, text: str) -> Found | None:
        name = self._name(organization_id, text)
        with self.lock:
            found = self.known.get(name)
            if found is not None:
                self.known.move_to_end(name)
            return found

    def _remember(self, organization_id: str, text: str, found: Found) -> None:
        if len(found) > MOST_FINDINGS:
            return
        name = self._name(organization_id, text)
        with self.lock:
            self.known[name] = found
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)

    def _name(self, organization_id: str, text: str) -> bytes:
        digest = blake2b(organization_id.encode() + b"\0", key=self.key, digest_size=20)
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()


def workers_path() -> Path | None:
    """Where the workers that find names are asked, if the installation has any."""
    return settings.ORBIT_NAMES_SOCKET if settings.ORBIT_NAMES_WORKERS else None


def _questions(parts: dict[str, list[Stretch]]) -> Iterator[list[tuple[str, Stretch]]]:
    question: list[tuple[str, Stretch]] = []
    size = 0
    for text, some in parts.items():
        for stretch in some:
            if question and size + len(stretch.text) > QUESTION:
                yield question
                question, size = [], 0
            question.append((text, stretch))
            size += len(stretch.text)
    if question:
        yield question


def _moved(one: Finding, by: int) -> Finding:
    return replace(one, start=one.start + by, end=one.end + by) if by else one
