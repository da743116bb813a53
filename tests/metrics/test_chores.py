"""What a worker tells goes on after a fault, such as a disk that was full for a while."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from proxy import telling
from proxy.supervisor import forever
from proxy.telling import Telling


async def test_a_shelf_that_fails_is_tried_again() -> None:
    tries, twice = [], asyncio.Event()

    class Shelf(Telling):
        async def now(self) -> None:
            tries.append(1)
            self.told_at -= telling.EVERY_S
            if len(tries) == 1:
                raise OSError("no space left on device")
            twice.set()

    made = Shelf(cast("Any", None), cast("Any", None), cast("Any", SimpleNamespace(open={})))
    made.told_at -= telling.EVERY_S
    chore = asyncio.create_task(forever(made.look, 0, "metrics"))
    await asyncio.wait_for(twice.wait(), 5)
    assert not chore.done()
    chore.cancel()


def test_the_last_word_that_cannot_be_written_keeps_nothing_from_ending() -> None:
    closed = []

    class Full:
        def put(self, content: bytes) -> None:
            raise OSError("no space left on device")

        def close(self) -> None:
            closed.append(1)

    class Empty(Telling):
        def content(self) -> bytes:
            return b""

    Empty(cast("Any", Full()), cast("Any", None), cast("Any", None)).close()
    assert closed == [1]
