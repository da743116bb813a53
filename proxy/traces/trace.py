"""Where one request stands in a trace, from its first byte to its settlement."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TypeVar

from orbit.lib.traces import Parent, new_span_id, new_trace_id, traceparent

ResultT = TypeVar("ResultT")


class Trace:
    """Of a request that is sampled, or whose caller's trace is handed on (`outward`)."""

    __slots__ = (
        "_offset_ns", "outward", "parent_id", "reserved", "sampled", "settling_ns", "span_id", "start_ns", "state",
        "trace_id",
    )  # fmt: skip

    def __init__(self, parent: Parent | None, trace_id: bytes, *, sampled: bool, outward: bool) -> None:
        self.trace_id = trace_id
        self.span_id = new_span_id()
        self.parent_id = b"" if parent is None else parent.span_id
        self.state = "" if parent is None else parent.state
        self.sampled, self.outward = sampled, outward
        self.start_ns = time.time_ns()
        self._offset_ns = self.start_ns - time.monotonic_ns()
        self.reserved: tuple[int, int] | None = None
        self.settling_ns = 0

    def at(self, monotonic_s: float) -> int:
        """Nanoseconds since 1970 of a moment of the monotonic clock."""
        return round(monotonic_s * 1_000_000_000) + self._offset_ns

    def now(self) -> int:
        return time.monotonic_ns() + self._offset_ns

    async def reserving(self, work: Awaitable[ResultT]) -> ResultT:
        began = self.now()
        try:
            return await work
        finally:
            self.reserved = (began, self.now())

    def headers(self, span_id: bytes) -> list[tuple[str, str]]:
        """What a provider is told of an attempt; nothing where the installation keeps that to itself."""
        if not self.outward:
            return []
        told = [("traceparent", traceparent(self.trace_id, span_id, sampled=self.sampled))]
        return [*told, ("tracestate", self.state)] if self.state else told


def begun(parent: Parent | None, below: int, *, outward: bool) -> Trace | None:
    """None where nothing is to be kept or handed on.

    Sampled is what both the caller and the share take: `below` of 2^56, held against the random part of the trace's id,
    so that every process of a trace decides alike and no caller gets more kept than the operator wants.
    """
    trace_id = new_trace_id() if parent is None else parent.trace_id
    sampled = int.from_bytes(trace_id[9:]) < below and (parent is None or parent.sampled)
    if not sampled and not (outward and parent is not None):
        return None
    return Trace(parent, trace_id, sampled=sampled, outward=outward)
