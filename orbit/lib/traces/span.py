"""One span, as it is handed to the exporter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

Value = str | bool | int | float | Sequence[str]


class SpanKind(IntEnum):
    """OTLP's numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    CONSUMER = 5


@dataclass(frozen=True, slots=True)
class Span:
    """Times are nanoseconds since 1970. `error` is a code in words, empty where there is none."""

    name: str
    kind: SpanKind
    trace_id: bytes
    span_id: bytes
    parent_id: bytes  # empty for a trace's first
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    error: str = ""
    state: str = ""
    events: Sequence[tuple[str, int]] = field(default=())
