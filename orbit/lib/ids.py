"""Identifiers that sort by time."""

from __future__ import annotations

import os
import time
from uuid import UUID


class _Randomness:
    """The system's random bytes, asked for in larger pieces: the call is what costs."""

    def __init__(self) -> None:
        self.bytes = b""
        os.register_at_fork(after_in_child=self.forget)  # a forked process must not repeat its parent

    def forget(self) -> None:
        self.bytes = b""

    def take(self, count: int) -> int:
        if len(self.bytes) < count:
            self.bytes = os.urandom(4096)
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return int.from_bytes(taken, "big")


_randomness = _Randomness()


def uuid7(now_ms: int | None = None) -> UUID:
    """A UUID version 7 (RFC 9562): milliseconds, then 74 random bits."""
    ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = _randomness.take(10)
    value = (
        (ms & (2**48 - 1)) << 80
        | 0x7 << 76
        | (random >> 68 & 0xFFF) << 64
        | 0b10 << 62
        | random & (2**62 - 1)
    )
    return UUID(int=value)
