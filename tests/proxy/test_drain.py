"""What a worker does before it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orbit.lib.errors import Code, OrbitError
from proxy import supervisor as supervising
from proxy.admission import Admission
from proxy.pipeline import Pipeline
from proxy.settlement import Outcome
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


async def test_settling_time_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits for open requests first, and calls `drained` when it has given up on them."""
    monkeypatch.setattr(supervising, "SETTLE_S", 0)
    supervisor, told, end = Supervisor(), asyncio.Event(), asyncio.Event()

    async def slow_to_settle() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            await end.wait()

    task = supervisor.spawn(slow_to_settle(), "slow")
    await asyncio.sleep(0)
    supervisor.begin_drain(0)
    await told.wait()
    monkeypatch.setattr(supervising, "SETTLE_S", 3600)
    async with asyncio.timeout(60):
        await supervisor.drained(3600)
    assert not task.done()
    end.set()
    await task


async def test_what_settles_late_may_begin_more_within_its_time() -> None:
    supervisor, done = Supervisor(), []

    async def sent_again() -> None:
        await asyncio.sleep(0.01)
        done.append("sent again")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            supervisor.spawn(sent_again(), "settle-again")

    supervisor.spawn(endless(), "endless")
    await asyncio.sleep(0)
    await supervisor.drained(0)
    assert done == ["sent again"]


@pytest.mark.parametrize("stream", [False, True])
async def test_call_that_was_reserved_too_late_is_settled_at_nothing_and_not_sent(stream: bool) -> None:
    supervisor, steps, nothing = Supervisor(), list[Any](), cast("Any", None)
    settler: Any = SimpleNamespace(
        supervisor=supervisor,
        opened=lambda admission: steps.append("opened"),
        settle=lambda admission, outcome: steps.append(outcome),
    )
    upstream: Any = SimpleNamespace(egress=None, admissions=SimpleNamespace(snapshots=None))
    await supervisor.drained(0)
    admission = Admission(cast("Any", SimpleNamespace(stream=stream)), nothing, {}, b"{}")
    with pytest.raises(OrbitError) as caught:
        await Pipeline(upstream, settler, nothing, 1).run(admission)
    assert caught.value.code is Code.SHUTTING_DOWN
    opened, outcome = steps
    assert opened == "opened"
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.code) == ("provider_failed", "shutting_down")
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (0, 0)
    assert not supervisor.tasks
