"""Windows over the tokens of a text, and which of them says what about a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIZE = 192  # tokens, with the two that the model wants around them
OVERLAP = 32
_INNER = SIZE - 2


@dataclass(frozen=True)
class Window:
    """Tokens `start` to `end` are read together; what is said counts for those from `first` to `last`."""

    start: int
    end: int
    first: int
    last: int


def windows(tokens: int) -> Iterator[Window]:
    """Each token counts in one window, in that where more stands around it."""
    start = first = 0
    while first < tokens:
        end = min(start + _INNER, tokens)
        last = tokens if end == tokens else end - OVERLAP // 2
        yield Window(start, end, first, last)
        start, first = end - OVERLAP, last
