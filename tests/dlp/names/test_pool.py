"""With real worker processes, whose model does as a text asks (conftest.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from pathlib import Path

from dlp.findings import Finding
from dlp.names.client import MAX_CHARACTERS, Names, Unavailable
from dlp.names.wire import Reason
from tests.dlp.names.conftest import Start
from tests.launcher.conftest import lives

_PLENTY_S = 30.0


def _mode(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def _pid(names: Names) -> int:
    said = await names.find(["pid"], _PLENTY_S)
    assert isinstance(said, list)
    return said[0][0].end


async def test_each_text_has_its_findings_in_characters(started: Start) -> None:
    async with started() as names:
        said = await names.find(["👩‍👩‍👧 Ada", "nobody", "\ud800 Ada", ""], _PLENTY_S)
    found = Finding(6, 9, "PERSON", 0.9, "model.person")
    assert said == [(found,), (), (Finding(2, 5, "PERSON", 0.9, "model.person"),), ()]


async def test_answers_reach_who_asked(started: Start) -> None:
    async with started(workers=2, limit=50) as names:
        asked = [names.find([" " * number + "Ada"], _PLENTY_S) for number in range(40)]
        answers = await asyncio.gather(*asked)
    starts = [said[0][0].start for said in answers if isinstance(said, list)]
    assert starts == list(range(40))


async def test_full_queue_refuses_at_once(started: Start) -> None:
    async with started(limit=2) as names:
        await _pid(names)
        slow = [asyncio.create_task(names.find(["slow"], 5)) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert await names.find(["Ada"], _PLENTY_S) == Unavailable(Reason.FULL)
        for task in slow:
            task.cancel()


async def test_deadline_ends_the_wait_and_the_worker_goes_on(started: Start) -> None:
    async with started() as names:
        before = await _pid(names)
        assert await names.find(["slow"], 0.2) == Unavailable(Reason.LATE)
        assert await _pid(names) == before


async def test_worker_that_dies_over_a_text_is_replaced(started: Start) -> None:
    async with started() as names:
        before = await _pid(names)
        assert await names.find(["die"], _PLENTY_S) == Unavailable(Reason.FAILED)
        assert await _pid(names) != before


async def test_worker_killed_while_it_waits_is_replaced(started: Start) -> None:
    async with started() as names:
        before = await _pid(names)
        os.kill(before, signal.SIGKILL)
        while isinstance(said := await names.find(["pid"], _PLENTY_S), Unavailable):
            assert said.reason is Reason.FAILED  # the pool had not noticed yet
        assert said[0][0].end != before


async def test_worker_that_hangs_is_killed(started: Start) -> None:
    async with started() as names:
        before = await _pid(names)
        assert await names.find(["hang"], 0.1) == Unavailable(Reason.LATE)
        assert await _pid(names) != before


async def test_questions_of_a_web_process_that_ended_are_dropped(started: Start, socket_path: Path) -> None:
    async with started() as names:
        await _pid(names)
        other = Names(socket_path)
        waiting = [asyncio.create_task(other.find(["slow"], 1.5)) for _ in range(6)]
        await asyncio.sleep(0.05)
        await other.close()
        assert await asyncio.gather(*waiting) == [Unavailable(Reason.AWAY)] * 6
        await _pid(names)


async def test_nobody_listening_is_told_and_the_pool_is_found_when_it_is_back(
    started: Start, socket_path: Path
) -> None:
    names = Names(socket_path)
    assert await names.find(["Ada"], 1) == Unavailable(Reason.AWAY)
    async with started():
        assert isinstance(await names.find(["Ada"], _PLENTY_S), list)
    assert await names.find(["Ada"], 1) == Unavailable(Reason.AWAY)
    async with started():
        assert isinstance(await names.find(["Ada"], _PLENTY_S), list)
    await names.close()


async def test_more_text_than_is_taken_is_refused_unsent(socket_path: Path) -> None:
    assert await Names(socket_path).find(["x" * MAX_CHARACTERS, "x"], 1) == Unavailable(Reason.LONG)


async def test_socket_is_its_owners_alone(started: Start, socket_path: Path) -> None:
    async with started():
        assert _mode(socket_path) == 0o600
    assert _mode(socket_path) is None


async def test_who_speaks_otherwise_is_hung_up_on(started: Start, socket_path: Path) -> None:
    async with started() as names:
        for nonsense in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x02{}"):
            reader, writer = await asyncio.open_unix_connection(str(socket_path))
            writer.write(nonsense)
            assert await reader.read() == b""
            writer.close()
        await _pid(names)


async def test_workers_end_with_the_pool(started: Start) -> None:
    async with started() as names:
        pid = await _pid(names)
    assert not lives(pid)
