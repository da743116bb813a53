"""What became of spans, as a metric."""

from __future__ import annotations

from orbit.lib.metrics import Book, Family, Kind
from orbit.lib.traces.exporter import Exporter

SPANS = Family(
    "orbit_trace_spans_total",
    Kind.COUNTER,
    "Spans of traces, by outcome: exported, dropped for lack of room, failed: refused by the collector or given up.",
    ("outcome",),
)


def tell(book: Book, exporter: Exporter) -> None:
    for outcome in ("exported", "dropped", "failed"):
        book.set(SPANS, (outcome,), getattr(exporter, outcome))
