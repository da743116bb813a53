"""The prompt cache of the Messages format: what a request reads, and what it writes for how long."""

import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from .messages_prompt import Segment

_SHORTEST = 1_024
_BLOCKS_LOOKED_BACK = 20
_KEPT_PREFIXES = 10_000
_LIFETIMES_S = {"5m": 300, "1h": 3_600}

Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class CacheUse:
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    def within(self, prompt: int) -> "CacheUse":
        """The same for a prompt that counts as no longer than this."""
        read = min(self.read, prompt)
        written_1h = min(self.written_1h, prompt - read)
        return CacheUse(read, min(self.written_5m, prompt - read - written_1h), written_1h)


@dataclass(frozen=True, slots=True)
class _Prefix:
    key: Key
    tokens: int
    ttl: str | None


class BreakpointCache:
    """A prefix is written where a mark stands, and found again from any mark up to 20 blocks later."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: OrderedDict[Key, tuple[str, float]] = OrderedDict()

    def use(self, model: str, segments: list[Segment]) -> CacheUse:
        prefixes = _prefixes(model, segments)
        marked = [number for number, prefix in enumerate(prefixes) if prefix.ttl]
        marked = [number for number in marked if prefixes[number].tokens >= _SHORTEST]
        if not marked:
            return CacheUse()
        read = self._longest_known(prefixes, marked)
        longest = prefixes[marked[-1]].tokens
        hours = [prefixes[number].tokens for number in marked if prefixes[number].ttl == "1h"]
        written_1h = max(0, max(hours, default=0) - read)
        for number in marked:
            self._write(prefixes[number])
        while len(self._written) > _KEPT_PREFIXES:
            self._written.popitem(last=False)
        return CacheUse(read, longest - read - written_1h, written_1h)

    def _longest_known(self, prefixes: list[_Prefix], marked: list[int]) -> int:
        for last in reversed(marked):
            for number in range(last, max(-1, last - _BLOCKS_LOOKED_BACK - 1), -1):
                if self._refreshed(prefixes[number].key):
                    return prefixes[number].tokens
        return 0

    def _refreshed(self, key: Key) -> bool:
        """Whether it is known; a read prolongs its life."""
        now = self._clock()
        ttl, ends = self._written.get(key, ("5m", 0.0))
        if ends <= now:
            return False
        self._written[key] = (ttl, now + _LIFETIMES_S[ttl])
        return True

    def _write(self, prefix: _Prefix) -> None:
        known, ends = self._written.get(prefix.key, ("", 0.0))
        ttl = prefix.ttl or "5m"
        if ends > self._clock() and known == "1h":
            ttl = known
        self._written[prefix.key] = (ttl, self._clock() + _LIFETIMES_S[ttl])
        self._written.move_to_end(prefix.key)


def _prefixes(model: str, segments: list[Segment]) -> list[_Prefix]:
    digest, total = 0, 0
    found = []
    for segment in segments:
        digest = zlib.crc32(segment.content, digest)
        total += segment.tokens
        found.append(_Prefix((model, digest, total), total, segment.ttl))
    return found
