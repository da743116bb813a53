"""What waits to be inspected was written all the same: who counts output learns of it as it comes, and counts it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

import pytest

from proxy.output import Output
from proxy.personal import answers
from tests.proxy.personal.streams import arguments_of, cut, events, packed, read, written
from tests.proxy.personal.test_inspected_streams import way

NOTE = "Write to anna.smith@example.org. " * 40


class Coming:
    """An answer that comes in pieces."""

    status = 200

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)

    def header(self, name: str) -> str | None:
        return "text/event-stream"

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return {}

    async def read(self) -> bytes:
        return next(self.pieces, b"")

    async def hang_up(self) -> AsyncIterator[bytes]:
        for one in self.pieces:
            yield one


class Counter:
    def __init__(self) -> None:
        self.output = Output("gpt-4o-mini")

    def waits(self, came: str, freed: int) -> None:
        self.output.waits(came, freed)


def stream(spoken: str, counter: Counter) -> Any:
    content = written(spoken, events(spoken, ["Hi"], cut(packed(NOTE), range(0, 3_000, 20))))
    inspection = way().inspection
    inspection.ahead = counter
    return answers.masked(inspection, cast("Any", Coming(cut(content, range(0, len(content), 300)))), spoken)


async def whole(answer: Any) -> bytes:
    made = b""
    while piece := await answer.read():
        made += piece
    return made


@pytest.mark.parametrize("spoken", ["chat/completions", "messages", "responses"])
def test_arguments_that_wait_are_counted_as_they_come_and_once(spoken: str) -> None:
    counter = Counter()
    out = read(asyncio.run(whole(stream(spoken, counter))))
    size = len(packed(NOTE))
    assert counter.output.size == size
    counter.output.add(arguments_of(out))  # as the relay does
    assert counter.output.size == size
    counter.output.add("x" * (size - len(arguments_of(out))))  # what masking made shorter was written, too
    assert counter.output.size == size
    counter.output.add("more")
    assert counter.output.size == size + 4


@pytest.mark.parametrize("spoken", ["chat/completions", "messages", "responses"])
def test_who_counts_learns_of_arguments_long_before_they_are_inspected(spoken: str) -> None:
    counter = Counter()
    answer = stream(spoken, counter)
    sizes: list[int] = []

    async def work() -> None:
        while piece := await answer.read():
            if arguments_of(read(piece)):
                return
            sizes.append(counter.output.size)

    asyncio.run(work())
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 20
