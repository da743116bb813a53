"""The span that the running code is below, for tasks that it sends."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar, Token
from typing import Any

from orbit.lib.traces import traceparent
from proxy.traces.trace import Trace

HEADER = "traceparent"
_under: ContextVar[Trace | None] = ContextVar("orbit_under", default=None)


def enter(trace: Trace) -> Token[Trace | None]:
    return _under.set(trace)


def leave(token: Token[Trace | None]) -> None:
    _under.reset(token)


def handed_on(headers: MutableMapping[str, Any]) -> None:
    """Adds where a task's sender stands to the task's headers. What a retried task came with is replaced."""
    trace = _under.get()
    if trace is not None:
        headers[HEADER] = traceparent(trace.trace_id, trace.span_id, sampled=trace.sampled)
