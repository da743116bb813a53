"""A settlement is sent until it arrives, whatever goes wrong; and no fault ends what a worker does again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.db import ProgrammingError

from orbit.lib.redis import StoreUnavailable
from proxy.settlement import Settler
from proxy.supervisor import Supervisor, forever
from quotas.chain import Lease
from quotas.limits import Amounts


class Failing:
    """An engine whose settlements fail in these ways, one after the other, before one arrives."""

    def __init__(self, *errors: Exception) -> None:
        self.errors: Iterator[Exception] = iter(errors)

    async def settle(self, lease: Lease, *, used: Amounts, event: bytes) -> tuple[str, str]:
        for error in self.errors:
            raise error
        return "OK", "7-0"


class Confirmations(list[tuple[Any, ...]]):
    def confirmed(self, *what: Any) -> None:
        self.append(what)


async def test_settlement_that_meets_a_fault_of_ours_is_sent_again() -> None:
    """Given up, its lease would be renewed as long as the worker lives: open for ever, and not in the ledger."""
    journal, supervisor = Confirmations(), Supervisor()
    engine = Failing(StoreUnavailable("away"), ProgrammingError("no such table"))
    nothing: Any = None
    settler = Settler(
        cast("Any", engine), supervisor, cast("Any", journal), nothing, nothing, nothing, nothing
    )
    lease = Lease("lease", cast("Any", Chainless()), "", 0, Amounts(), figures=())
    sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    sent.set_exception(StoreUnavailable("connection lost"))
    settler._sent(sent, lease, Amounts(), b"{}")
    async with asyncio.timeout(5):
        await asyncio.gather(*supervisor.tasks)
    assert journal == [(3, "lease", "7-0")]


class Chainless:
    shard = 3


async def test_chore_that_fails_is_done_again(caplog: pytest.LogCaptureFixture) -> None:
    done = asyncio.Event()
    errors = iter([ProgrammingError("no such table"), RuntimeError("odd")])

    async def work() -> None:
        for error in errors:
            raise error
        done.set()

    chore = asyncio.create_task(forever(work, 0.001, "renew"))
    async with asyncio.timeout(5):
        await done.wait()
    chore.cancel()
    assert caplog.text.count("chore 'renew' failed") == 2
