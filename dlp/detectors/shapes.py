"""Stretches of a text in which nothing is looked for, by their shape: base64, hex, UUIDs, data URLs, long numbers."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import Any

from dlp.detectors.engine import compiled

# Lines of a file in base64 are of 60, 64 or 76 characters; a text without a blank that long is no language's either.
_BULK = (
    r"[A-Za-z0-9+/_-]{56}[A-Za-z0-9+/=_-]*"
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
    r"|\b(?:0x|sha\d*[-:])[0-9A-Za-z+/=]{8}[0-9A-Za-z+/=]*"
    r"|\b[0-9a-fA-F]{24}[0-9a-fA-F]*\b"
    r"|\d{25}\d*"
    r"|\b-?\d+\.\d{5}\d*\b"
)
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Bulk:
    """Such stretches of one text, in bytes."""

    def __init__(self, data: bytes) -> None:
        self._spans = [match.span() for match in _pattern().finditer(data) if _is_bulk(match.group())]

    def holds(self, start: int, end: int) -> bool:
        """Whether one of them covers this place, or a part of it."""
        found = bisect_right(self._spans, end - 1, key=lambda span: span[0]) - 1
        return found >= 0 and self._spans[found][1] > start


def _is_bulk(found: bytes) -> bool:
    """Rules and underlines are long without a blank too, and so is a path: those have one sign, or many slashes."""
    return len(set(found)) > 4 and found.count(b"/") * 12 < len(found) + 12


@cache
def _pattern() -> Any:
    return compiled(_BULK)
