"""Traces as OpenTelemetry has them: where a request stands in its caller's (W3C), spans, and how they leave.

docs/decisions/0038-logs-and-traces.md says why these are not the official SDK's own.
"""

from orbit.lib.traces.context import Parent, new_span_id, new_trace_id, parent_of, traceparent
from orbit.lib.traces.exporter import Exporter, NotTaken
from orbit.lib.traces.span import Span, SpanKind

__all__ = [
    "Exporter",
    "NotTaken",
    "Parent",
    "Span",
    "SpanKind",
    "new_span_id",
    "new_trace_id",
    "parent_of",
    "traceparent",
]
