"""Thrift's compact protocol, as far as Parquet's headers need it: written, never read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


@dataclass(frozen=True, slots=True)
class Long:
    """An integer that the format has as 64 bits; plain ones are of 32."""

    value: int


# A struct: what its numbered fields hold, in ascending order.
Struct = dict[int, "Value"]
Value = int | Long | str | list[int] | list[str] | list[Struct] | Struct


def struct(fields: Struct) -> bytes:
    made, last = bytearray(), 0
    for number, value in fields.items():
        kind = _kind(value)
        step = number - last
        assert 0 < step < 16
        made.append(step << 4 | kind)
        made += _value(value)
        last = number
    made.append(0)
    return bytes(made)


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _kind(value: Value) -> int:
    match value:
        case int():
            return _I32
        case Long():
            return _I64
        case str():
            return _BINARY
        case dict():
            return _STRUCT
        case _:
            return _LIST


def _value(value: Value) -> bytes:
    match value:
        case int():
            return varint(_zigzag(value))
        case Long():
            return varint(_zigzag(value.value))
        case str():
            text = value.encode()
            return varint(len(text)) + text
        case dict():
            return struct(value)
        case _:
            return _list(value)


def _list(values: list[int] | list[str] | list[Struct]) -> bytes:
    size = len(values)
    kind = _kind(values[0]) if values else _STRUCT
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + varint(size)
    items: Iterable[Value] = values
    return head + b"".join(map(_value, items))


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1
