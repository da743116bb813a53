"""Kafka's bytes, as far as the suite's broker has to read and write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = struct.Struct(">qiibIhiqqqhii")  # of a record batch of format 2


class Fault(Exception):
    """Something is not as the protocol has it."""


@dataclass(frozen=True)
class Record:
    key: bytes
    value: bytes
    headers: dict[str, bytes]


@dataclass(frozen=True)
class Batch:
    producer: int
    sequence: int
    records: list[Record]


class Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise Fault("it ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def int16(self) -> int:
        return int.from_bytes(self.take(2), signed=True)

    def int32(self) -> int:
        return int.from_bytes(self.take(4), signed=True)

    def string(self) -> str | None:
        count = self.int16()
        return None if count < 0 else self.take(count).decode()

    def bytes(self) -> bytes:
        return self.take(self.int32())

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)


def string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


def array(items: Sequence[bytes]) -> bytes:
    return struct.pack(">i", len(items)) + b"".join(items)


def batch_of(data: bytes, *, check: bool) -> Batch:
    """The one batch that a request holds for a partition, with a producer that is idempotent."""
    head = _HEAD.unpack_from(data)
    length, magic, crc, attributes, last, producer, sequence, count = (
        head[at] for at in (1, 3, 4, 5, 6, 9, 11, 12)
    )
    if magic != 2 or length + 12 != len(data) or attributes or last != count - 1:
        raise Fault(
            f"no batch of format 2: magic {magic}, {length} of {len(data)} bytes, attributes {attributes}"
        )
    if check and crc32c(data[21:]) != crc:
        raise Fault("checksum")
    if producer < 0 or sequence < 0:
        raise Fault("its producer is not idempotent")
    reader = Reader(data[_HEAD.size :])
    records = [_record(reader, number) for number in range(count)]
    if reader.left:
        raise Fault("more behind the records")
    return Batch(producer, sequence, records)


def _record(reader: Reader, number: int) -> Record:
    inner = Reader(reader.take(reader.varint()))
    inner.take(1)
    inner.varint()
    if inner.varint() != number:
        raise Fault("offsets of records")
    key, value = inner.take(inner.varint()), inner.take(inner.varint())
    headers = {inner.take(inner.varint()).decode(): inner.take(inner.varint()) for _ in range(inner.varint())}
    return Record(key, value, headers)


def _table() -> list[int]:
    found = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        found.append(number)
    return found


_TABLE = _table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
