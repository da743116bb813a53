"""One worker's traces: begun where a request comes in, told where it is settled or turned away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orbit.lib.errors import OrbitError
from orbit.lib.traces import Exporter, Span, SpanKind, new_span_id, parent_of
from proxy.admission import Admission
from proxy.request import GatewayRequest
from proxy.settlement import Outcome
from proxy.traces import attributes
from proxy.traces.trace import Trace, begun

WHOLE = 2**56
FAILED = ("provider_failed", "lease_expired")


@dataclass
class Tracer:
    exporter: Exporter
    percent: int  # of traces that are kept
    outward: bool  # whether providers are told

    def __post_init__(self) -> None:
        self._below = WHOLE * self.percent // 100

    def begin(self, headers: Mapping[bytes, bytes]) -> Trace | None:
        return begun(parent_of(headers), self._below, outward=self.outward)

    def settled(self, admission: Admission, outcome: Outcome, cost_nano: int | None) -> None:
        """The call, its reservation and its attempts; SETTLE follows when the store has confirmed it."""
        trace: Trace | None = admission.call.request.trace
        if trace is None or not trace.sampled:
            return
        trace.settling_ns = trace.now()
        self.exporter.put([self._call(trace, admission, outcome, cost_nano), *_parts(trace, admission)])

    def confirmed(self, admission: Admission) -> None:
        trace: Trace | None = admission.call.request.trace
        if trace is not None and trace.sampled and trace.settling_ns:
            self.exporter.put([_part(trace, "settle", trace.settling_ns, trace.now())])

    def turned_away(self, raw: GatewayRequest, endpoint: str, error: OrbitError) -> None:
        """Of somebody whose key is known: others cannot crowd spans out."""
        trace = raw.trace
        if trace is None or not trace.sampled or raw.principal is None:
            return
        if trace.settling_ns:
            return  # admitted and settled, and its client was told afterwards: the call has its span
        found = attributes.of_refusal(raw, endpoint, error)
        name = f"{found['gen_ai.operation.name']} {found.get('gen_ai.request.model', '')}"
        span = Span(
            name.strip(),
            SpanKind.SERVER,
            trace.trace_id,
            trace.span_id,
            trace.parent_id,
            trace.start_ns,
            trace.now(),
            found,
            error=error.code.value,
            state=trace.state,
        )
        self.exporter.put([span, *_reservation(trace)])

    def _call(self, trace: Trace, admission: Admission, outcome: Outcome, cost_nano: int | None) -> Span:
        found = attributes.of_call(admission, outcome, cost_nano)
        events = []
        if outcome.first_token_ms is not None:
            events.append(
                ("first_token", trace.at(admission.call.request.started + outcome.first_token_ms / 1000))
            )
        failed = outcome.status in FAILED or outcome.code is not None
        return Span(
            f"{found['gen_ai.operation.name']} {found['gen_ai.request.model']}",
            SpanKind.SERVER,
            trace.trace_id,
            trace.span_id,
            trace.parent_id,
            trace.start_ns,
            trace.settling_ns,
            found,
            error=(attributes.told(outcome.code) or outcome.status) if failed else "",
            state=trace.state,
            events=events,
        )


def _parts(trace: Trace, admission: Admission) -> Iterator[Span]:
    yield from _reservation(trace)
    last = len(admission.attempts)
    for number, attempt in enumerate(admission.attempts, 1):
        target = admission.call.target if number == last else None
        found = attributes.of_attempt(admission, attempt, number, target)
        yield Span(
            f"{found['gen_ai.operation.name']} {attempt.model}",
            SpanKind.CLIENT,
            trace.trace_id,
            attempt.span_id or new_span_id(),
            trace.span_id,
            trace.at(attempt.started),
            trace.settling_ns if attempt.ended is None else trace.at(attempt.ended),
            found,
            error=attributes.failure(attempt) or "",
        )


def _reservation(trace: Trace) -> Iterator[Span]:
    if trace.reserved is not None:
        yield _part(trace, "reserve", *trace.reserved)


def _part(trace: Trace, name: str, start_ns: int, end_ns: int) -> Span:
    return Span(name, SpanKind.INTERNAL, trace.trace_id, new_span_id(), trace.span_id, start_ns, end_ns, {})
