"""What a worker does before it ends."""

from __future__ import annotations

import asyncio

from proxy.supervisor import Supervisor


async def test_work_that_begins_while_others_end_has_its_time_too() -> None:
    supervisor, done = Supervisor(), []

    async def late() -> None:
        await asyncio.sleep(0.05)
        done.append("late")

    async def first() -> None:
        await asyncio.sleep(0.05)
        supervisor.spawn(late(), "late")

    supervisor.spawn(first(), "first")
    await supervisor.drained(30)
    assert done == ["late"]


async def test_work_without_an_end_is_told_to_stop() -> None:
    supervisor, told = Supervisor(), []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("stopped")

    supervisor.spawn(endless(), "endless")
    await supervisor.drained(0.05)
    assert told == ["stopped"]
