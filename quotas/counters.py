"""A counter as the scripts keep it: one string of four little-endian doubles, exact for whole numbers below 2^53.

One MGET reads all counters of a call and one SET writes each, where hashes took four commands.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_LAYOUT = struct.Struct("<4d")
_CHARGED = struct.Struct("<2d")


class Counter(NamedTuple):
    """`used` is spent, or of a smooth window its bucket in units of (amount x period) as of `at` (microseconds).

    `held` is reserved by `calls` open leases.
    """

    used: int = 0
    held: int = 0
    calls: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, value: bytes) -> Counter:
        """Of smooth tokens that were charged before they were seeded there is only the bucket, see settle.lua."""
        if len(value) == _CHARGED.size:
            used, at = map(int, _CHARGED.unpack(value))
            return cls(used, at=at)
        return cls(*map(int, _LAYOUT.unpack(value)))

    @staticmethod
    def is_seeded(value: bytes | None) -> bool:
        return value is not None and len(value) == _LAYOUT.size

    def pack(self) -> bytes:
        return _LAYOUT.pack(*self)
