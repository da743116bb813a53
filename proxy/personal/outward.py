"""Inspectors outside of the gateway, as one call asks them: what they found, what they missed, and what it cost."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from dlp.external.base import Found, Question
from dlp.external.client import Client, Spent, Unanswered, Where
from dlp.policy import Action, Decided, Direction, Inspecting, Named
from dlp.walk import Place
from proxy.context import OutsideInspector

logger = logging.getLogger(__name__)

REMEMBERED = 20_000  # texts
REMEMBERED_S = 600.0
MOST_REMEMBERED = 200  # findings of a text that is remembered

Answers = dict[str, tuple[Found, ...]]


@dataclass
class Memory:
    """What inspectors said of texts, by a digest under a key of the worker's. Holds places and types, never the text."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    known: OrderedDict[bytes, tuple[float, tuple[Found, ...]]] = field(
        default_factory=OrderedDict, repr=False
    )

    def name(self, where: Where, direction: Direction, text: str) -> bytes:
        digest = blake2b(key=self.key, digest_size=20)
        said = repr((where.id, where.kind, where.base_url, where.options, direction.value)).encode()
        digest.update(len(said).to_bytes(4, "big") + said + text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def get(self, name: bytes) -> tuple[Found, ...] | None:
        found = self.known.get(name)
        if found is None or found[0] < time.monotonic():
            return None
        self.known.move_to_end(name)
        return found[1]

    def put(self, name: bytes, found: tuple[Found, ...]) -> None:
        if len(found) > MOST_REMEMBERED:
            return
        self.known[name] = (time.monotonic() + REMEMBERED_S, found)
        if len(self.known) > REMEMBERED:
            self.known.popitem(last=False)


@dataclass
class Outside:
    """One of a worker."""

    client: Client
    memory: Memory = field(default_factory=Memory)
    # organization, currency, inspector, requests, cost in nano-units: whatever becomes of the call
    asked: Callable[[str, str, str, int, int], None] | None = None


@dataclass
class Share:
    """What one inspector had to do with texts of one direction."""

    texts: int = 0
    remembered: int = 0
    spent: Spent = field(default_factory=Spent)
    seconds: float = 0.0
    cost_nano: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one text: what is told or refused as a whole, and places in it, which may overlap."""

    whole: tuple[Decided, ...] = ()
    spans: tuple[Decided, ...] = ()


@dataclass
class Outward:
    """Of one call. `missed` are direction, inspector and reason."""

    outside: Outside
    inspectors: Mapping[str, OutsideInspector]
    request_id: str
    organization: str  # its slug
    policy: str
    currency: str
    shares: dict[tuple[str, str], Share] = field(default_factory=dict)
    missed: set[tuple[str, str, str]] = field(default_factory=set)

    async def look(
        self, policy: Inspecting, named: Sequence[Named], places: Mapping[str, Place], direction: Direction
    ) -> dict[str, Judged]:
        """For each text of which something was decided. All are asked side by side."""
        answers = await asyncio.gather(*(self._one(one, places, direction) for one in named))
        made: dict[str, Judged] = {}
        for text in places:
            whole: list[Decided] = []
            spans: list[Decided] = []
            for which, answer in zip(named, answers, strict=True):
                for found in answer.get(text, ()):
                    side = whole if found.whole or found.block else spans
                    side += _decided(policy, which, found, text, direction)
            if whole or spans:
                made[text] = Judged(tuple(whole), tuple(spans))
        return made

    def miss(self, named: Named, direction: Direction, why: str) -> None:
        self.missed.add((direction.value, named.name, why))

    def failing(self, named: Iterable[Named], direction: Direction) -> tuple[str, str] | None:
        """Inspector and reason, where something was missed that must not be."""
        strict = {one.name for one in named if one.refuses}
        return next(
            (
                (name, why)
                for where, name, why in sorted(self.missed)
                if where == direction and name in strict
            ),
            None,
        )

    def told(self) -> list[dict[str, Any]]:
        """As the event has it: what was asked and what it costs, in billionths of the organization's currency."""
        return [
            {
                "name": name,
                "direction": direction,
                "texts": share.texts,
                "remembered": share.remembered,
                "requests": share.spent.requests,
                "bytes": share.spent.bytes,
                "ms": round(share.seconds * 1000),
                "cost_nano": share.cost_nano,
            }
            for (name, direction), share in sorted(self.shares.items())
        ]

    async def _one(self, named: Named, places: Mapping[str, Place], direction: Direction) -> Answers:
        inspector = self.inspectors.get(named.name)
        if inspector is None:
            self.miss(named, direction, "absent")
            return {}
        share = self.shares.setdefault((named.name, direction.value), Share())
        memory, where = self.outside.memory, inspector.where
        digests = {text: memory.name(where, direction, text) for text in places}
        known = {text: found for text, name in digests.items() if (found := memory.get(name)) is not None}
        new = [text for text in places if text not in known]
        share.texts += len(places)
        share.remembered += len(known)
        if not new:
            return known
        began, spent = time.monotonic(), Spent()
        try:
            fresh = await self._ask(
                named, inspector, [(text, places[text]) for text in new], direction, spent
            )
        except Unanswered as error:
            self.miss(named, direction, error.why)
            logger.warning("inspector %s of organization %s did not inspect: %s", named.name, self.organization, error.why)  # fmt: skip
            fresh = {}
        finally:
            share.seconds += time.monotonic() - began
            share.spent.requests += spent.requests
            share.spent.bytes += spent.bytes
            cost_nano = where.cost_nano(spent.requests, spent.bytes)
            share.cost_nano += cost_nano
            if self.outside.asked is not None:
                self.outside.asked(self.organization, self.currency, named.name, spent.requests, cost_nano)
        for text, one in fresh.items():
            memory.put(digests[text], one)
        return known | fresh

    async def _ask(
        self,
        named: Named,
        inspector: OutsideInspector,
        texts: Sequence[tuple[str, Place]],
        direction: Direction,
        spent: Spent,
    ) -> Answers:
        until = time.monotonic() + named.deadline_s
        secret = await _secret(inspector, named.deadline_s)
        question = Question(
            [text for text, _ in texts],
            [place.value for _, place in texts],
            self.request_id,
            self.organization,
            self.policy,
            direction.value,
        )
        left = max(0.001, until - time.monotonic())
        found = await self.outside.client.find(inspector.where, secret, question, left, spent)
        return {text: tuple(one) for (text, _), one in zip(texts, found, strict=True)}


async def _secret(inspector: OutsideInspector, deadline_s: float) -> str:
    """As it is now, for which the first call after a start may wait."""
    task = inspector.credential.begin()
    if task is not None:
        await asyncio.wait({task}, timeout=deadline_s)
    if not inspector.credential.ready:
        raise Unanswered("credential")
    secret = inspector.credential.secret
    return secret.reveal() if secret is not None else ""


def _decided(
    policy: Inspecting, named: Named, found: Found, text: str, direction: Direction
) -> list[Decided]:
    finding = found.finding
    if found.block:
        return [Decided(finding, Action.BLOCK)]
    threshold = named.thresholds.get(finding.kind)
    if threshold is not None and finding.score < threshold:
        return []
    return policy.judged(finding, text, direction, whole=found.whole, scored=threshold is not None)
