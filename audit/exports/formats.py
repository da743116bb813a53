"""The formats of files: what one begins with, its rows, and what it ends with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from audit.exports import parquet
from audit.exports.columns import COLUMNS, Kind, cells, written
from orbit.lib.clock import from_us, rfc3339
from orbit.lib.formulas import safe

Events = Sequence[Mapping[str, Any]]
Facts = Mapping[str, Any]


class Format(Protocol):
    ending: str
    content_type: str
    packed: bool  # whether it is compressed in itself

    def begin(self) -> bytes: ...

    def rows(self, events: Events) -> tuple[bytes, dict[str, Any]]:
        """Of at least one event; with what `end` is told of each of them."""
        ...

    def end(self, told: Iterable[Facts]) -> bytes: ...


class JSONLines:
    """As `manage.py ledger export` writes them; a verifier takes them as they are."""

    ending, content_type, packed = "jsonl", "application/jsonl", False

    def begin(self) -> bytes:
        return b""

    def rows(self, events: Events) -> tuple[bytes, dict[str, Any]]:
        return "".join(written(event) + "\n" for event in events).encode(), {}

    def end(self, told: Iterable[Facts]) -> bytes:
        return b""


class CSV:
    """A column for each field, text that no spreadsheet runs."""

    ending, content_type, packed = "csv", "text/csv; charset=utf-8", False

    def begin(self) -> bytes:
        return _lines([[column.name for column in COLUMNS]])

    def rows(self, events: Events) -> tuple[bytes, dict[str, Any]]:
        return _lines(
            [_text(column.kind, value) for column, value in zip(COLUMNS, cells(event), strict=True)]
            for event in events
        ), {}

    def end(self, told: Iterable[Facts]) -> bytes:
        return b""


class Parquet:
    """Typed columns, a group of rows for each piece."""

    ending, content_type, packed = "parquet", "application/vnd.apache.parquet", True

    def begin(self) -> bytes:
        return parquet.MAGIC

    def rows(self, events: Events) -> tuple[bytes, dict[str, Any]]:
        return parquet.group(events)

    def end(self, told: Iterable[Facts]) -> bytes:
        return parquet.end(told)


FORMATS: dict[str, Format] = {one.ending: one for one in (JSONLines(), CSV(), Parquet())}


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _text(kind: Kind, value: Any) -> Any:
    if value is None:
        return ""
    if kind is Kind.TIME:
        return rfc3339(from_us(value))
    if kind is Kind.TRUTH:
        return "true" if value else "false"
    return safe(value)
