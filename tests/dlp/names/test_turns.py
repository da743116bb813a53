"""Who waits in the pool's queue, in which order, and who gives way."""

from __future__ import annotations

import time
from typing import Any, cast

from dlp.names.pool import Client, Job, Queue


class Asking:
    """A web process that is told."""

    def __init__(self) -> None:
        self.gone = False
        self.told: list[tuple[Any, str]] = []

    def answer(self, number: Any, said: dict[str, Any]) -> None:
        self.told.append((number, str(said.get("unavailable"))))


def put(queue: Queue, client: Asking, *names: str) -> None:
    """Names such as `a1`: the first sign is the organization's."""
    for name in names:
        queue.put(Job(name, name[0], ["text"], time.monotonic() + 60, cast("Client", client)))


async def taken(queue: Queue, count: int) -> list[Any]:
    return [(await queue.get()).number for _ in range(count)]


async def test_organizations_take_turns() -> None:
    queue, client = Queue(10), Asking()
    put(queue, client, "a1", "a2", "a3", "b1", "c1", "b2")
    assert await taken(queue, 6) == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_last_of_the_longest_line_gives_way_to_one_that_waits_less() -> None:
    queue, client = Queue(4), Asking()
    put(queue, client, "a1", "a2", "a3", "a4", "b1", "b2", "b3")
    assert client.told == [("a4", "full"), ("a3", "full"), ("b3", "full")]
    assert await taken(queue, 4) == ["a1", "b1", "a2", "b2"]


async def test_one_alone_has_the_whole_queue_and_no_more() -> None:
    queue, client = Queue(3), Asking()
    put(queue, client, "a1", "a2", "a3", "a4")
    assert client.told == [("a4", "full")]
    assert await taken(queue, 3) == ["a1", "a2", "a3"]


async def test_what_would_be_late_is_refused_at_once_by_what_others_took() -> None:
    queue, client = Queue(99, workers=2), Asking()

    def job(name: str, signs: int, left_s: float) -> Job:
        return Job(name, name[0], ["x" * signs], time.monotonic() + left_s, cast("Client", client))

    queue.took(job("a0", 1_000, 60), 1.0)
    for one in (job("a1", 2_000, 60), job("a2", 2_000, 60), job("a3", 1_000, 2.5), job("a4", 1_000, 3.5)):
        queue.put(one)
    assert client.told == [("a3", "full")]
    queue.put(job("b1", 500, 2.0))  # its turn is after the first of the others
    assert client.told == [("a3", "full")]
    assert await taken(queue, 4) == ["a1", "b1", "a2", "a4"]


async def test_what_is_put_back_is_next_again() -> None:
    queue, client = Queue(9), Asking()
    put(queue, client, "a1", "a2", "b1")
    queue.put_back(await queue.get())
    assert await taken(queue, 3) == ["a1", "b1", "a2"]


async def test_those_that_are_gone_or_late_are_passed_over_and_make_room() -> None:
    queue, client, gone = Queue(3), Asking(), Asking()
    put(queue, gone, "a1")
    queue.put(Job("b0", "b", ["text"], time.monotonic() - 1, cast("Client", client)))
    put(queue, client, "b1")
    gone.gone = True
    assert await taken(queue, 1) == ["b1"]
    assert client.told == [("b0", "late")]
    put(queue, client, "c1", "c2", "c3")
    assert await taken(queue, 3) == ["c1", "c2", "c3"]
