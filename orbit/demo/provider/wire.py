"""One answer on its way out: counts the bytes, and splits or cuts them where the request asked for it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator

from .behaviour import Behaviour
from .connection import Connection
from .oracle import Record

_ODD_SIZES = (1, 2, 3, 5, 7, 11, 13, 17)
# The kernel must have carried the last bytes over before an RST throws away what is left of them.
_BEFORE_RESET_S = 0.02


class CutShort(Exception):
    """The provider itself ended the answer early, as asked."""


class Wire:
    def __init__(
        self,
        connection: Connection,
        record: Record,
        behaviour: Behaviour,
        kill_peer: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._record = record
        self._cut_after = behaviour.cut_after_bytes
        self._kill_after = behaviour.kill_peer_after_bytes
        self._kill_peer = kill_peer
        self._split = behaviour.split

    async def send(self, data: bytes) -> None:
        if self._kill_after is not None and self._record.bytes_sent + len(data) >= self._kill_after:
            before = max(0, self._kill_after - self._record.bytes_sent)
            self._kill_after = None
            await self._send_whole_or_split(data[:before])
            await self._kill_peer()
            data = data[before:]
        if self._cut_after is not None and self._record.bytes_sent + len(data) >= self._cut_after:
            await self._send_whole_or_split(data[: self._cut_after - self._record.bytes_sent])
            await self.cut()
        await self._send_whole_or_split(data)

    async def cut(self) -> None:
        await asyncio.sleep(_BEFORE_RESET_S)
        self._connection.reset()
        raise CutShort

    async def close(self) -> None:
        self._connection.finish()
        raise CutShort

    async def _send_whole_or_split(self, data: bytes) -> None:
        if self._split:
            for part in self._parts(data):
                self._connection.write(part)
                self._record.bytes_sent += len(part)
                await asyncio.sleep(0)
        else:
            self._connection.write(data)
            self._record.bytes_sent += len(data)
        await self._connection.drained()

    def _parts(self, data: bytes) -> Iterator[bytes]:
        start = 0
        for size in self._sizes():
            if start >= len(data):
                return
            yield data[start : start + size]
            start += size

    def _sizes(self) -> Iterator[int]:
        if self._split == "bytes":
            return itertools.repeat(1)
        if self._split == "odd":
            return itertools.cycle(_ODD_SIZES)
        return itertools.repeat(int(self._split))
