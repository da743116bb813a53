"""A journal's records as bytes: pure, and readable past any damage.

A record is MARK, a CRC of all that follows, and then kind, shard, lengths, lease id and payload. MARK holds bytes that
no UTF-8 text holds, so that nothing a client wrote into an event can pass for a record when a reader looks for the next one.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

OPENING, CLOSING = 1, 2
MARK = b"\xf5\xfa"
_CRC = struct.Struct("<I")
_HEAD = struct.Struct("<BQBI")  # kind, shard, length of the lease id, length of the payload
_BODY = len(MARK) + _CRC.size
_LEASE = _BODY + _HEAD.size


class Record(NamedTuple):
    kind: int
    shard: int
    lease_id: str
    payload: bytes


class Reading(NamedTuple):
    """`damaged` counts the stretches that could not be read, a torn end among them."""

    records: list[Record]
    damaged: int


def pack(kind: int, shard: int, lease_id: str, payload: bytes) -> bytes:
    lease = lease_id.encode()
    body = _HEAD.pack(kind, shard, len(lease), len(payload)) + lease + payload
    return MARK + _CRC.pack(zlib.crc32(body)) + body


def read(data: bytes) -> Reading:
    """Every whole record, in order; what lies between them is counted and passed over."""
    records: list[Record] = []
    damaged, position, whole = 0, 0, True
    while position < len(data):
        found = _record_at(data, position)
        if found is not None:
            record, position = found
            records.append(record)
            whole = True
            continue
        damaged += whole
        whole = False
        position = data.find(MARK, position + 1)
        if position < 0:
            break
    return Reading(records, damaged)


def _record_at(data: bytes, position: int) -> tuple[Record, int] | None:
    """The record that begins here and where it ends; None when there is no whole one."""
    if not data.startswith(MARK, position) or position + _LEASE > len(data):
        return None
    kind, shard, length, size = _HEAD.unpack_from(data, position + _BODY)
    start = position + _LEASE + length
    end = start + size
    if end > len(data):
        return None
    (crc,) = _CRC.unpack_from(data, position + len(MARK))
    if zlib.crc32(memoryview(data)[position + _BODY : end]) != crc:
        return None
    return Record(kind, shard, data[position + _LEASE : start].decode(), data[start:end]), end
