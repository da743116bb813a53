"""Parquet files, a row group at a time: flat optional columns, plain values, gzip.

The format: https://parquet.apache.org/docs/file-format/. Each group is complete in itself; only the end of the file
names them all, so a file can be made in pieces by whoever has the time.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audit.exports.columns import COLUMNS, Kind, cells
from audit.exports.thrift import Long, Struct, varint
from audit.exports.thrift import struct as compact

MAGIC = b"PAR1"
LEVEL = 6
# Numbers of the format's own enums.
_BOOLEAN, _INT64, _BYTE_ARRAY = 0, 2, 6
_UTF8, _TIMESTAMP_MICROS, _JSON = 0, 10, 19
_PLAIN, _RLE = 0, 3
_GZIP, _DATA_PAGE, _OPTIONAL = 2, 0, 1
_TYPES: dict[Kind, tuple[int, int | None]] = {
    Kind.TEXT: (_BYTE_ARRAY, _UTF8),
    Kind.JSON: (_BYTE_ARRAY, _JSON),
    Kind.WHOLE: (_INT64, None),
    Kind.TIME: (_INT64, _TIMESTAMP_MICROS),
    Kind.TRUTH: (_BOOLEAN, None),
}


def group(events: Sequence[Mapping[str, Any]]) -> tuple[bytes, dict[str, Any]]:
    """The row group of these events, and what the end of the file must know of it."""
    by_column = zip(*map(cells, events), strict=True)
    chunks, plain = [], []
    for column, values in zip(COLUMNS, by_column, strict=True):
        chunk, size = _chunk(column.kind, values)
        chunks.append(chunk)
        plain.append(size)
    return b"".join(chunks), {"rows": len(events), "sizes": list(map(len, chunks)), "plain": plain}


def end(groups: Iterable[Mapping[str, Any]]) -> bytes:
    """What the file ends with. `groups` are in its order, the first behind the magic number."""
    at, rows, made = len(MAGIC), 0, list[Struct]()
    for one in groups:
        made.append(_group(one, at))
        at += sum(one["sizes"])
        rows += one["rows"]
    schema: list[Struct] = [{4: "event", 5: len(COLUMNS)}]
    for column in COLUMNS:
        physical, logical = _TYPES[column.kind]
        element: Struct = {1: physical, 3: _OPTIONAL, 4: column.name}
        if logical is not None:
            element[6] = logical
        schema.append(element)
    footer = compact({1: 1, 2: schema, 3: Long(rows), 4: made, 6: "orbit"})
    return footer + struct.pack("<I", len(footer)) + MAGIC


def _group(told: Mapping[str, Any], at: int) -> Struct:
    columns: list[Struct] = []
    for column, size, plain in zip(COLUMNS, told["sizes"], told["plain"], strict=True):
        facts: Struct = {
            1: _TYPES[column.kind][0],
            2: [_PLAIN, _RLE],
            3: [column.name],
            4: _GZIP,
            5: Long(told["rows"]),
            6: Long(plain),
            7: Long(size),
            9: Long(at),
        }
        columns.append({2: Long(at), 3: facts})
        at += size
    return {1: columns, 2: Long(sum(told["plain"])), 3: Long(told["rows"])}


def _chunk(kind: Kind, values: Sequence[Any]) -> tuple[bytes, int]:
    """A column's one page with its header, and its size before compression, header included."""
    levels = _levels([value is not None for value in values])
    page = struct.pack("<I", len(levels)) + levels + _plain(kind, [one for one in values if one is not None])
    packed = gzip.compress(page, LEVEL, mtime=0)
    about: Struct = {1: len(values), 2: _PLAIN, 3: _RLE, 4: _RLE}
    head = compact({1: _DATA_PAGE, 2: len(page), 3: len(packed), 5: about})
    return head + packed, len(head) + len(page)


def _levels(there: Sequence[bool]) -> bytes:
    """Which rows have a value: one run where all are alike, else bits."""
    if all(there) or not any(there):
        return varint(len(there) << 1) + bytes([bool(there[0])])
    bits = _bits(there)
    return varint(len(bits) << 1 | 1) + bits


def _bits(truths: Sequence[bool]) -> bytes:
    """The lowest bit first, the last byte filled up."""
    number = sum(1 << place for place, one in enumerate(truths) if one)
    return number.to_bytes((len(truths) + 7) // 8, "little")


def _plain(kind: Kind, values: Sequence[Any]) -> bytes:
    if kind is Kind.TRUTH:
        return _bits(values)
    if kind in (Kind.WHOLE, Kind.TIME):
        return struct.pack(f"<{len(values)}q", *values)
    encoded = [value.encode() for value in values]
    return b"".join(struct.pack("<I", len(one)) + one for one in encoded)
