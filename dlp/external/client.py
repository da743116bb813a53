"""Asks inspectors: in batches, at most so many at a time, within a deadline, by the one way out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import orjson

from dlp.external.base import Asked, BadAnswer, Found, Kind, Question
from dlp.external.registry import KINDS
from orbit.lib.egress import Egress, read_all
from orbit.lib.exchange import EgressError, NotAllowed, TimedOut, Timeouts, TooLarge
from orbit.lib.google_account import CONTENT_TYPE, ServiceAccount

MOST_ANSWER = 2_000_000  # bytes
MOST_TOKEN = 65_536
MOST_BATCHES = 8  # requests for one call
AT_ONCE = 2  # of them
TOKENS = 500  # Google's, that are kept
EARLY_S = 300.0  # before its end a token is asked for anew
GIGABYTE = 1_000_000_000


class Unanswered(Exception):
    """`why`, as events have it: deadline, cap, format, bad_answer, refused, failed, address, credential, absent."""

    def __init__(self, why: str, told: str = "") -> None:
        super().__init__(told or why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Where:
    """An inspector as its row says. `price_nano` is for a thousand requests, or for a gigabyte of text."""

    id: str
    name: str
    kind: str
    base_url: str
    options: Mapping[str, Any]
    price_nano: int = 0
    per_gigabyte: bool = False

    @property
    def speaks(self) -> Kind:
        return KINDS[self.kind]

    def cost_nano(self, requests: int, size: int) -> int:
        """Rounded up."""
        amount, unit = (size, GIGABYTE) if self.per_gigabyte else (requests, 1000)
        return -(-self.price_nano * amount // unit)


@dataclass
class Spent:
    """What asking took, also where it failed: whoever was asked may charge for it."""

    requests: int = 0
    bytes: int = 0


@dataclass
class Client:
    """One of a process. `most` requests to one inspector are under way at a time; others wait within their deadline."""

    egress: Egress
    most: int
    gates: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    tokens: dict[bytes, tuple[str, float]] = field(default_factory=dict, repr=False)

    async def find(
        self, where: Where, secret: str, question: Question, deadline_s: float, spent: Spent
    ) -> list[list[Found]]:
        """For each text. Unanswered when any part of it was not answered as it should."""
        try:
            async with asyncio.timeout(deadline_s):
                return await self._find(where, secret, question, deadline_s, spent)
        except TimeoutError:
            raise Unanswered("deadline") from None

    async def _find(
        self, where: Where, secret: str, question: Question, deadline_s: float, spent: Spent
    ) -> list[list[Found]]:
        kind = where.speaks
        if kind.needs_credential and not secret:
            raise Unanswered("credential")
        batches = list(_batches(kind, question))
        if kind.scope:
            secret = await self._token(where, secret, kind.scope, deadline_s)
        some = asyncio.Semaphore(AT_ONCE)

        async def one(batch: Question) -> list[list[Found]]:
            async with some:
                return await self._ask(where, secret, batch, deadline_s, spent)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_told(one(batch))) for batch in batches]
        found: list[list[Found]] = []
        for task in tasks:
            answer = task.result()
            if isinstance(answer, Unanswered):
                raise answer
            found += answer
        return found

    async def _ask(
        self, where: Where, secret: str, batch: Question, deadline_s: float, spent: Spent
    ) -> list[list[Found]]:
        kind = where.speaks
        try:
            asked = kind.asked(where.base_url, where.options, secret, batch, int(time.time()))
        except ValueError:
            raise Unanswered("format") from None
        async with self._gate(where):
            spent.requests += 1
            spent.bytes += sum(map(_size, batch.texts))
            content = await self._exchange(where, asked, deadline_s, MOST_ANSWER)
        try:
            return kind.findings(orjson.loads(content), batch.texts, f"inspector.{where.name}")
        except (orjson.JSONDecodeError, BadAnswer) as error:
            told = "no JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
            raise Unanswered("bad_answer", told) from None

    async def _exchange(self, where: Where, asked: Asked, deadline_s: float, most: int) -> bytes:
        """The answer's bytes. What it says of a refusal is not read: it may repeat the text."""
        times = Timeouts(deadline_s, deadline_s, deadline_s, deadline_s)
        account = f"inspector {where.id}"
        try:
            async with self.egress.open(
                account, "POST", asked.url, asked.headers, asked.body, times
            ) as answer:
                if answer.status != 200:
                    why = "failed" if answer.status >= 500 or answer.status in (408, 429) else "refused"
                    raise Unanswered(why, f"answered {answer.status}")
                return await read_all(answer, most)
        except NotAllowed as error:
            raise Unanswered("address", error.message) from None
        except TimedOut:
            raise Unanswered("deadline") from None
        except TooLarge:
            raise Unanswered("bad_answer", f"the answer is larger than {most} bytes") from None
        except EgressError as error:
            raise Unanswered("failed", type(error).__name__) from None

    def _gate(self, where: Where) -> asyncio.Semaphore:
        return self.gates.setdefault(where.id, asyncio.Semaphore(self.most))

    async def _token(self, where: Where, key: str, scope: str, deadline_s: float) -> str:
        name = sha256(f"{where.id}\0{key}".encode()).digest()
        known = self.tokens.get(name)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        try:
            account = ServiceAccount.parse(key)
        except ValueError:
            raise Unanswered("credential") from None
        loop, began = asyncio.get_running_loop(), time.monotonic()
        form = await loop.run_in_executor(None, account.form, scope, int(time.time()))
        asked = Asked(account.uri, [CONTENT_TYPE], form)
        try:
            said = orjson.loads(await self._exchange(where, asked, deadline_s, MOST_TOKEN))
            token, seconds = str(said["access_token"]), float(said["expires_in"])
        except Unanswered as error:
            raise Unanswered("credential" if error.why == "refused" else error.why, str(error)) from None
        except (ValueError, KeyError, TypeError):
            raise Unanswered("bad_answer", "no token") from None
        if len(self.tokens) >= TOKENS:
            self.tokens.clear()
        self.tokens[name] = (token, began + max(0.0, seconds - EARLY_S))
        return token


async def _told(work: Any) -> Any:
    """What failed is an answer too, so that the others end by themselves and their cost is known."""
    try:
        return await work
    except Unanswered as error:
        return error


def _batches(kind: Kind, question: Question) -> Iterator[Question]:
    """Unanswered for what does not fit into as many as one call may take."""
    starts, size = [0], 0
    for number, text in enumerate(question.texts):
        more = _size(text)
        if more > kind.most_bytes:
            raise Unanswered("cap", f"a text is larger than {kind.most_bytes} bytes")
        if number > starts[-1] and (size + more > kind.most_bytes or number - starts[-1] >= kind.most_texts):
            starts.append(number)
            size = 0
        size += more
    if len(starts) > MOST_BATCHES:
        raise Unanswered("cap", f"it takes more than {MOST_BATCHES} requests")
    for start, end in zip(starts, [*starts[1:], len(question.texts)], strict=True):
        yield replace(question, texts=question.texts[start:end], places=question.places[start:end])


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
