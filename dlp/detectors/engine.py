"""The linear-time engine (RE2), and one pass that tells which of many patterns may occur in a text.

The pass is hyperscan's where its wheel exists, else RE2's own set. It may name a pattern that is not there, never
the other way round, so both lead to the same findings: each pattern that may occur is then searched for by RE2.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

import re2

from dlp.detectors.bytewise import bytewise

try:
    hyperscan: Any = import_module("hyperscan")
except ImportError:  # no wheel for this machine
    hyperscan = None

# Of one pattern, its automata included. What needs more is refused when it is compiled.
PATTERN_BYTES = 4 << 20
SET_BYTES = 64 << 20


class Prefilter(Protocol):
    def may_occur(self, data: bytes) -> frozenset[int]:
        """Places, in the list that it was made of, of the patterns that may occur in this UTF-8 text."""


def compiled(pattern: str, max_bytes: int = PATTERN_BYTES) -> Any:
    """ValueError, in RE2's words, for what it cannot run."""
    options = re2.Options()
    options.max_mem = max_bytes
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise ValueError(_words(error)) from None


def prefilter(patterns: Sequence[str]) -> Prefilter:
    if hyperscan is not None:
        return Hyperscan(patterns)
    return Re2Set(patterns)


class Hyperscan:
    def __init__(self, patterns: Sequence[str]) -> None:
        self._always: set[int] = set()
        self._lock = threading.Lock()  # a database has one scratch space, which two scans must not share
        wide = {place: bytewise(pattern) for place, pattern in enumerate(patterns)}
        self._database = self._compiled(wide)

    def may_occur(self, data: bytes) -> frozenset[int]:
        hits = set(self._always)
        if self._database is not None:
            with self._lock:
                self._database.scan(data, match_event_handler=lambda place, *_: hits.add(place))
        return frozenset(hits)

    def _compiled(self, wide: dict[int, bytes]) -> Any:
        """Of a pattern that hyperscan cannot take, nothing is known, so it always may occur."""
        if not wide:
            return None
        try:
            return _database(wide)
        except hyperscan.error:
            fitting = {place: pattern for place, pattern in wide.items() if _fits(pattern)}
            self._always.update(wide.keys() - fitting.keys())
            return _database(fitting) if fitting else None


class Re2Set:
    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.max_mem = SET_BYTES
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern.encode())
        # An automaton that runs out of memory names nothing at all. This one occurs in every text, so it tells.
        self._told = len(patterns)
        self._set.Add(rb"(?s:^)")
        self._set.Compile()
        self._all = frozenset(range(self._told))

    def may_occur(self, data: bytes) -> frozenset[int]:
        hits = frozenset(self._set.Match(data))
        return hits - {self._told} if self._told in hits else self._all


def _database(wide: dict[int, bytes]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_PREFILTER
    flags |= hyperscan.HS_FLAG_ALLOWEMPTY
    database.compile(
        expressions=list(wide.values()), ids=list(wide), elements=len(wide), flags=[flags] * len(wide)
    )
    return database


def _fits(pattern: bytes) -> bool:
    try:
        _database({0: pattern})
    except hyperscan.error:
        return False
    return True


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
