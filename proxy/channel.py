"""The bounded way from the task that reads the provider to the connection that feeds the client."""

from __future__ import annotations

import asyncio


class ClientGone(Exception):
    """Nobody reads any more."""


class Channel:
    """One writer, one reader. The writer waits while `most_bytes` lie here unread."""

    def __init__(self, patience_s: float, most_bytes: int = 128 * 1024) -> None:
        self.patience_s = patience_s  # how long a reader may take nothing
        self.most_bytes = most_bytes
        self.pieces: list[bytes] = []
        self.size = 0
        self.ended = False
        self.abandoned = False
        self.broken = False  # whether what the reader has is not all, and no words can say so
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    async def put(self, piece: bytes) -> None:
        """Hands a piece over. ClientGone when the reader has left."""
        self.give(piece)
        while self.size > self.most_bytes and not self.abandoned:
            self._writable = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self.patience_s):
                    await self._writable
            except TimeoutError:
                self.abandon()
        if self.abandoned:
            raise ClientGone

    def give(self, piece: bytes) -> None:
        """The same without waiting, for the last pieces."""
        if not self.abandoned and piece:
            self.pieces.append(piece)
            self.size += len(piece)
            self._wake(self._readable)

    def end(self) -> None:
        self.ended = True
        self._wake(self._readable)

    async def get(self) -> bytes:
        """What has come since; b"" at the end."""
        while not self.pieces:
            if self.ended:
                return b""
            self._readable = asyncio.get_running_loop().create_future()
            await self._readable
        taken = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        self._wake(self._writable)
        return taken

    def abandon(self) -> None:
        self.abandoned = True
        self.pieces.clear()
        self._wake(self._writable)

    @staticmethod
    def _wake(waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
