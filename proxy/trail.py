"""Whether there is room in the audit trail for one more call, asked for keys whose policy requires it.

What a worker knows of a shard is at most a second old. All others' calls pay nothing for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import Link, StoreError, StoreUnavailable
from quotas import keys

logger = logging.getLogger(__name__)

FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Marks:
    """Beyond which the ledger is too far behind."""

    age_s: int
    entries: int
    memory: int  # percent of the store's


@dataclass
class Trail:
    link: Link
    marks: Marks
    known: dict[int, tuple[float, str]] = field(default_factory=dict)  # by shard: when, and what is wrong
    asking: dict[int, asyncio.Task[str]] = field(default_factory=dict)

    async def check(self, shard: int) -> None:
        """OrbitError when the event of a call might not be kept."""
        at, wrong = self.known.get(shard, (0.0, ""))
        if time.monotonic() - at > FRESH_S:
            task = self.asking.get(shard)
            if task is None:
                task = self.asking[shard] = asyncio.create_task(self._ask(shard), name="trail")
                task.add_done_callback(lambda _: self.asking.pop(shard, None))
            wrong = await asyncio.shield(task)
        if wrong:
            raise unavailable()

    async def _ask(self, shard: int) -> str:
        try:
            wrong = await self._wrong(shard)
        except (StoreUnavailable, StoreError) as error:
            wrong = f"the store cannot be asked: {error}"
        before = self.known.get(shard, (0.0, ""))[1]
        if wrong and not before:
            logger.error("shard %s: calls that require an audit trail are refused: %s", shard, wrong)
        elif before and not wrong:
            logger.warning("shard %s: calls that require an audit trail are admitted again", shard)
        self.known[shard] = (time.monotonic(), wrong)
        return wrong

    async def _wrong(self, shard: int) -> str:
        store = self.link.at(shard)
        written, length, (seconds, micros), memory = await asyncio.gather(
            store.call("GET", keys.written(shard)),
            store.call("XLEN", keys.stream(shard)),
            store.call("TIME"),
            store.call("INFO", "memory"),
        )
        if written is None:
            return "the ledger's writer was never here"
        age_s = int(seconds) + int(micros) / 1e6 - int(written) / 1000
        if age_s > self.marks.age_s:
            return f"the ledger is {age_s:.0f} s behind"
        if int(length) > self.marks.entries:
            return f"{int(length)} entries are in the stream"
        used, most = figure(memory, b"used_memory"), figure(memory, b"maxmemory")
        if most and used * 100 >= most * self.marks.memory:
            return f"the store is full to {used * 100 // most} %"
        return ""


def figure(info: bytes, name: bytes) -> int:
    """A number of what a server answers to INFO."""
    found = info.partition(b"\n" + name + b":")[2]
    return int(found.split(b"\r", 1)[0] or 0)


def unavailable() -> OrbitError:
    return OrbitError(
        Code.AUDIT_UNAVAILABLE,
        "The audit trail that this key's policy requires cannot be kept right now, so nothing was sent. Try again.",
        retry_after_s=5,
    )
