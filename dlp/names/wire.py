"""How web processes, pool and workers speak: frames of JSON behind four bytes of length.

A question is `{"id", "who", "deadline_ms", "texts"}`, to a worker one without `id` and `who`. The answer has its `id` and either `found`, for each text a list of
`[start, end, kind, score, rule]`, or `unavailable`, a Reason.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import IO, Any

import orjson

from dlp.findings import Finding

MAX_FRAME = 16 << 20
_LENGTH = struct.Struct(">I")


class Reason(StrEnum):
    """Why names were not looked for."""

    AWAY = "away"  # nobody listens
    FULL = "full"  # the queue is
    LATE = "late"  # the deadline passed
    LONG = "long"  # more text than is taken at a time
    FAILED = "failed"  # the worker ended over it


class BadFrame(Exception):
    """The other side does not speak this."""


def packed(message: dict[str, Any]) -> bytes:
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> dict[str, Any]:
    """EOFError (IncompleteReadError is one) when the other side has gone."""
    return _read(await reader.readexactly(_length(await reader.readexactly(_LENGTH.size))))


def read_from(file: IO[bytes]) -> dict[str, Any]:
    """The same of a pipe."""
    return _read(_exactly(file, _length(_exactly(file, _LENGTH.size))))


def rows(findings: Iterable[Finding]) -> list[list[Any]]:
    return [[one.start, one.end, str(one.kind), one.score, one.rule] for one in findings]


def findings(said: Sequence[Sequence[Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(*row) for row in said)


def _length(head: bytes) -> int:
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise BadFrame
    return int(length)


def _read(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadFrame from None
    if not isinstance(message, dict):
        raise BadFrame
    return message


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data
