"""`traceparent` and `tracestate` of W3C Trace Context, level 1."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(rb"[ -~]{1,512}")
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Parent:
    """The caller's span. `sampled`: whether the caller keeps it. `state` is handed on as it came."""

    trace_id: bytes
    span_id: bytes
    sampled: bool
    state: str = ""


def parent_of(headers: Mapping[bytes, bytes]) -> Parent | None:
    """None for a caller without a trace, and for one whose header breaks the rules: then a new trace begins."""
    found = _PARENT.fullmatch(headers.get(b"traceparent", b"").strip())
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more):
        return None
    trace_id, span_id = bytes.fromhex(trace.decode()), bytes.fromhex(span.decode())
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    state = headers.get(b"tracestate", b"").strip()
    return Parent(
        trace_id, span_id, bool(int(flags, 16) & _SAMPLED), state.decode() if _STATE.fullmatch(state) else ""
    )


def traceparent(trace_id: bytes, span_id: bytes, *, sampled: bool) -> str:
    return f"00-{trace_id.hex()}-{span_id.hex()}-{'01' if sampled else '00'}"


def new_trace_id() -> bytes:
    return os.urandom(16)


def new_span_id() -> bytes:
    return os.urandom(8)
