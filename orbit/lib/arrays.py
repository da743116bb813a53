"""Columns of many rows as Postgres' array literals. The database's driver makes them too, a value at a time and ten times slower."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

_text_of = lru_cache(4096)(str)  # ids come again and again


def written(column: Sequence[object]) -> str:
    """For `%s::TYPE[]`, with values of one kind: numbers, ids, moments, or texts; None among them is NULL."""
    kind = next((type(value) for value in column if value is not None), int)
    if kind is int and None not in column:
        return f"{{{','.join(map(str, column))}}}"
    write = _quoted if kind is str else _id if kind is UUID else _plain
    return f"{{{','.join(['NULL' if value is None else write(value) for value in column])}}}"


def _id(value: object) -> str:
    return _text_of(value)


def _plain(value: object) -> str:
    return f'"{value}"'


def _quoted(value: object) -> str:
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def columns(rows: Sequence[tuple[object, ...]]) -> list[str]:
    """Each column of rows, which are not none."""
    return [written(column) for column in zip(*rows, strict=True)]
