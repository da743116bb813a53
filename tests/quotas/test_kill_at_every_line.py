"""SIGKILL to a worker before each line of Python that it runs from a call's end until the store has confirmed it.

Whatever the line: afterwards nothing is open, the call is in the ledger once, and one that its client saw finish is charged what
it used. The worker is a fork, and dies by its own hand; its store and its database live.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import orjson
import pytest
from django.conf import settings

from orbit.lib.redis import RedisLink
from orbit.lib.store import client
from proxy.context import Usage
from proxy.settlement import Outcome, Settler
from proxy.supervisor import Supervisor
from quotas import keys, recovery
from quotas.chain import Lease
from quotas.engine import Engine
from quotas.journal import Journal
from quotas.limits import Amounts
from quotas.tasks import expire, sweep_journals
from tests.conftest import MakeTenant, Tenant
from tests.quotas.test_recovery import call, counter, epoch, reserve

HELD, USED = Amounts(3, 5, 90), Amounts(1, 2)
WATCHED = ("proxy/", "quotas/", "orbit/lib/redis/")
ENDED, KILLED = 0, -signal.SIGKILL


@pytest.fixture
def fresh(make_tenant: MakeTenant) -> Tenant:
    made = make_tenant()
    recovery.rebuild(made.shard, epoch(made), Path("/nowhere"))
    return made


@pytest.fixture
def journals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(settings, "ORBIT_DATA_DIR", tmp_path)
    return tmp_path / "journals"


class Killer:
    """Counts the lines of ours that run, and kills this process before the last that it is given."""

    def __init__(self, lines: int) -> None:
        self.left = lines

    def calls(self, frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        ours = any(f"/{one}" in path for one in WATCHED) and "/site-packages/" not in path
        return self.lines if ours and "/tests/" not in path else None

    def lines(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.lines


class Watched(Settler):
    """Says when the store has confirmed."""

    confirmed: asyncio.Event

    def _closed(self, lease: Lease, stream_id: str) -> None:
        super()._closed(lease, stream_id)
        self.confirmed.set()


async def end(lease: Lease, opened: dict[str, Any], journal: Journal, lines: int, finished: int) -> None:
    """What a worker does of a call whose provider has said its last; a byte to `finished` is the client's last."""
    nothing: Any = None
    uncounted: Any = SimpleNamespace(ended=lambda *_, **__: None)
    link = RedisLink(settings.REDIS_URL, 5.0)
    await link.ping()
    supervisor = Supervisor()
    settler = Watched(Engine(link, 30_000_000), supervisor, journal, nothing, nothing, nothing, uncounted)
    settler.confirmed = asyncio.Event()
    admission: Any = SimpleNamespace(
        lease=lease,
        opened=opened,
        copy=None,
        over=False,
        attempts=[],
        end=lambda: None,
        call=SimpleNamespace(
            target=SimpleNamespace(rates=None),
            request=SimpleNamespace(started=time.monotonic(), inspection=None),
        ),
    )
    settler.open[lease.shard] = {lease.id: admission}
    sys.settrace(Killer(lines).calls)
    try:
        settler.settle(
            admission, Outcome("settled", Usage(USED.input_tokens, USED.output_tokens), "provider")
        )
        os.write(finished, b".")
        await settler.confirmed.wait()
    finally:
        sys.settrace(None)


def forked(work: Callable[[], None]) -> int:
    """How a process that does this ended."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(ENDED)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(tenant: Tenant, journals: Path, lines: int) -> tuple[int, bool, Lease]:
    """How the worker ended, and whether the client saw the call finish."""
    lease = reserve(tenant, HELD)
    opening = call(tenant, lease.id, "lease_expired", HELD, cost_nano=None)
    opened = orjson.loads(opening)
    reads, writes = os.pipe()

    def work() -> None:
        journal = Journal(journals)
        journal.opened(lease.shard, lease.id, opening)
        asyncio.run(end(lease, opened, journal, lines, writes))
        journal.close()

    outcome = forked(work)
    os.close(writes)
    with os.fdopen(reads, "rb") as seen:
        return outcome, bool(seen.read()), lease


def settled_since(tenant: Tenant, lease: Lease) -> dict[str, Any]:
    """What the background does, until all is done; the call's event."""
    tenant.events()
    sweep_journals()
    if client().zscore(keys.leases(tenant.shard), lease.id) is not None:  # it has lapsed by then
        client().zadd(keys.leases(tenant.shard), {lease.id: 1})
        assert expire(client(), tenant.shard, lease.id) == 1
    (event,) = [one for one in tenant.events() if one["event_id"] == lease.id]
    sweep_journals()
    return event


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.full)])
def test_any_line_between_a_calls_end_and_its_confirmation_may_be_the_last(
    fresh: Tenant, journals: Path, stride: int
) -> None:
    lines, told = 1, {True: 0, False: 0}
    while True:
        outcome, finished, lease = killed_at(fresh, journals, lines)
        event = settled_since(fresh, lease)
        where = f"killed before line {lines}, finished: {finished}"
        if finished or event["status"] == "settled":
            used = (event["status"], event["input_tokens"], event["output_tokens"])
            assert used == ("settled", USED.input_tokens, USED.output_tokens), where
        else:
            assert (event["status"], event["output_tokens"]) == ("lease_expired", HELD.output_tokens), where
        assert counter(lease)[1:3] == (0, 0), where
        assert list(journals.iterdir()) == [], where
        if outcome == ENDED:
            break
        assert outcome == KILLED, where
        told[finished] += 1
        lines += stride
    assert min(told.values()) > 0, f"there was a line before and one after the client's last byte: {told}"
    print(f"{sum(told.values())} kills, {told[True]} after the client's last byte")
