"""Tables in a text: the header that stands above each cell."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_DELIMITERS = ("|", "\t", ";", ",")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_LONGEST_HEADER = 60
_RULE_LINE = re.compile(r"[\s|:+=-]+")
_MOST_COLUMNS = 64


@dataclass(frozen=True)
class Cell:
    start: int
    end: int
    header: str


class Tables:
    """Of one text; made on the first question, in one pass over its lines."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._cells: list[Cell] | None = None

    def at(self, place: int) -> Cell | None:
        if self._cells is None:
            self._cells = list(cells(self._text))
        found = bisect_right(self._cells, place, key=lambda cell: cell.start) - 1
        if found >= 0 and place < self._cells[found].end:
            return self._cells[found]
        return None


def cells(text: str) -> Iterator[Cell]:
    """Of rows below a header, in order: at least two lines in a row with the same number of the same delimiter."""
    headers: list[str] = []
    delimiter, columns, start = "", 0, 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        if not headers or bare.count(delimiter) != columns:
            delimiter, headers = _header(bare)
            columns = bare.count(delimiter) if headers else 0
        elif not _RULE_LINE.fullmatch(bare):
            yield from _row(bare, start, delimiter, headers)
        start += len(line)


def _header(line: str) -> tuple[str, list[str]]:
    """Cells that all are short words, else none: a line of prose has commas too, but then one of them is long."""
    for delimiter in _DELIMITERS:
        if 0 < line.count(delimiter) <= _MOST_COLUMNS:
            names = [name.strip().strip("\"'*`") for name in line.split(delimiter)]
            inner = [name for name in names if name]
            if len(inner) >= 2 and all(_is_name(name) for name in inner):
                return delimiter, names
    return "", []


def _is_name(name: str) -> bool:
    return (
        len(name) <= _LONGEST_HEADER
        and _LETTERS.search(name) is not None
        and sum(map(str.isdigit, name)) <= 2
    )


def _row(line: str, start: int, delimiter: str, headers: list[str]) -> Iterator[Cell]:
    at = start
    for header, value in zip(headers, line.split(delimiter), strict=False):
        if header:
            yield Cell(at, at + len(value), header)
        at += len(value) + len(delimiter)
