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
        self.wrote = 0  # bytes of arguments, by the provider

    def waits(self, came: str, freed: int) -> None:
        self.output.waits(came, freed)


def stream(spoken: str, counter: Counter, note: str = NOTE, *, action: str = "mask", value: str = "") -> Any:
    """`value` of the request stands as its placeholder where the note has {}."""
    inspection = way(action).inspection
    inspection.ahead = counter
    note = note.replace("{}", inspection.placeholders.standing_for("VALUE", value)) if value else note
    counter.wrote = len(packed(note).encode())
    content = written(spoken, events(spoken, ["Hi"], cut(packed(note), range(0, 3_000, 20))))
    answer = cast("Any", Coming(cut(content, range(0, len(content), 300))))
    return answers.restored(inspection, answers.masked(inspection, answer, spoken), spoken)


async def whole(answer: Any) -> bytes:
    made = b""
    while piece := await answer.read():
        made += piece
    return made


@pytest.mark.parametrize("spoken", ["chat/completions", "messages", "responses"])
@pytest.mark.parametrize(
    "how",
    [
        {"action": "mask"},
        {"action": "tokenize"},
        {"note": "a@b.de and " * 200, "action": "tokenize"},  # which becomes longer
        {"note": NOTE + "{} " * 50, "value": "x"},
        {"note": NOTE + "{} " * 50, "value": "é" * 200},
    ],
    ids=["shorter", "a placeholder", "longer", "a short value put back", "a long value put back"],
)
def test_arguments_are_counted_as_they_were_written_and_once(spoken: str, how: dict[str, str]) -> None:
    counter = Counter()
    out = arguments_of(read(asyncio.run(whole(stream(spoken, counter, **how)))))
    assert counter.output.size == counter.wrote != len(out.encode())
    counter.output.add(out)  # as the relay does
    assert counter.output.size == counter.wrote
    counter.output.add("more")
    assert counter.output.size == counter.wrote + 4


def test_what_comes_behind_arguments_that_became_shorter_is_counted() -> None:
    output = Output("gpt-4o-mini")
    output.waits("x" * 1000, 0)
    output.waits("", 400)
    output.add("y" * 400)
    output.add("z" * 600)
    assert output.size == 1600


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
