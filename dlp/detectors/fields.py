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


@dataclass(frozen=True, slots=True)
class Cell:
    start: int
    end: int
    header: str


@dataclass(frozen=True, slots=True)
class _Row:
    start: int
    line: str
    delimiter: str
    headers: list[str]

    def cells(self) -> Iterator[Cell]:
        at = self.start
        for header, value in zip(self.headers, self.line.split(self.delimiter), strict=False):
            if header:
                yield Cell(at, at + len(value), header)
            at += len(value) + len(self.delimiter)


class Tables:
    """Of one text; made on the first question, in one pass over its lines. Only a row that is asked for is taken apart."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rows: list[_Row] | None = None
        self._last: tuple[int, list[Cell]] = (-1, [])

    def at(self, place: int) -> Cell | None:
        if self._rows is None:
            self._rows = list(_rows(self._text))
        number = bisect_right(self._rows, place, key=lambda row: row.start) - 1
        if number < 0:
            return None
        if self._last[0] != number:
            self._last = number, list(self._rows[number].cells())
        found = self._last[1]
        at = bisect_right(found, place, key=lambda cell: cell.start) - 1
        return found[at] if at >= 0 and place < found[at].end else None


def _rows(text: str) -> Iterator[_Row]:
    """Those below a header, in order: at least two lines in a row with the same number of the same delimiter."""
    headers: list[str] = []
    delimiter, columns, start = "", 0, 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        if not headers or bare.count(delimiter) != columns:
            delimiter, headers = _header(bare)
            columns = bare.count(delimiter) if headers else 0
        elif not _RULE_LINE.fullmatch(bare):
            yield _Row(start, bare, delimiter, headers)
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
