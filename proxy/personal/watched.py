"""A plain answer before inspectors outside of the gateway: read to its end, asked about, and only then passed on.

It stands behind the policy's own masking and in front of what is stored and of the request's values.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from dlp.policy import Direction, Named
from dlp.walk import Shape
from orbit.lib import numbers
from orbit.lib.egress import read_all
from orbit.lib.exchange import Answer, Broken
from proxy.formats.media import kind_of
from proxy.personal.answers import FORMAT, JSON, STREAM, WORKED, Changed, emptied
from proxy.personal.inspection import Inspection
from proxy.personal.outside import seen
from proxy.personal.outward import Outward
from proxy.personal.requests import SHAPES
from proxy.personal.ways import read, without_logprobs

# Where answers of any shape have what was written; the rest repeats the request.
WRITTEN = ("output", "output_text", "choices", "content", "candidates", "text", "segments", "data")


def watched(inspection: Inspection, answer: Answer, spoken: str) -> Answer:
    """Sound and pictures are passed on, and told of. Text that is no JSON is not, where an inspector must see it."""
    outward, named = inspection.outward, inspection.policy.asks(Direction.ANSWER)
    if outward is None or not named or answer.status not in WORKED:
        return answer
    kind = kind_of(answer.header("content-type") or "")
    if kind == JSON:
        return Watched(answer, inspection, outward, named, SHAPES.get(spoken, Shape.EMBEDDINGS))
    for one in named:
        outward.miss(one, Direction.ANSWER, "stream" if kind == STREAM else FORMAT)
    if kind.startswith("text/") and outward.failing(named, Direction.ANSWER) is not None:
        return Unseen(answer)
    return answer


@dataclass
class _Held(Changed):
    async def hang_up(self) -> AsyncIterator[bytes]:
        async for _ in self.answer.hang_up():
            yield b""  # half an answer is none


@dataclass
class Unseen(_Held):
    """One that must be inspected and came in a form that cannot be."""

    async def read(self) -> bytes:
        raise Broken("an answer that must be inspected came in a form that cannot be")


@dataclass
class Watched(_Held):
    inspection: Inspection
    outward: Outward
    named: Sequence[Named]
    shape: Shape
    over: bool = False

    async def read(self) -> bytes:
        if self.over:
            return b""
        content = await read_all(self.answer, self.inspection.most_bytes)
        self.over = True
        found = read(content)
        if found is None:
            self._miss()
        made = None if found is None else await self._changed(found, len(content))
        if self.outward.failing(self.named, Direction.ANSWER) is not None:
            made = emptied(found or {}, self.shape)
        if made is found:
            return content
        try:
            return numbers.write(made)
        except orjson.JSONEncodeError:  # deeper than can be written
            raise Broken("an answer that was changed cannot be written") from None

    async def _changed(self, found: dict[str, Any], size: int) -> dict[str, Any]:
        written = {name: found[name] for name in WRITTEN if name in found}
        try:
            said = await seen(
                self.inspection, self.outward, self.named, written, self.shape, size, Direction.ANSWER
            )
        except ValueError:  # deeper than is walked
            self._miss()
            return found
        if said.refused:
            return emptied(found, self.shape)
        if said.body is written:
            return found
        changed: dict[str, Any] = without_logprobs({**found, **said.body})
        return changed

    def _miss(self) -> None:
        for one in self.named:
            self.outward.miss(one, Direction.ANSWER, FORMAT)
