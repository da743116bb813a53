"""Spans leave without anybody waiting for them; what does not is counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from orbit.lib.traces import Exporter, NotTaken, Span, SpanKind, parent_of, traceparent

TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))
Send = Callable[[bytes], bytes]


def span(number: int = 0) -> Span:
    return Span("one", SpanKind.SERVER, TRACE, SPAN, b"", 1, 2, {"number": number})


@pytest.fixture
def exporting() -> Iterator[Callable[..., Exporter]]:
    made: list[Exporter] = []

    def make(send: Send, most: int = 100) -> Exporter:
        made.append(Exporter(send, lambda: None, {"service.name": "test"}, most))
        return made[-1]

    yield make
    for one in made:
        one.close(0)


def counts(exporter: Exporter) -> tuple[int, int, int]:
    return exporter.exported, exporter.dropped, exporter.failed


def test_what_waits_is_sent_at_the_end(exporting: Callable[..., Exporter]) -> None:
    sent: list[bytes] = []
    exporter = exporting(lambda content: sent.append(content) or b"")  # type: ignore[func-returns-value]
    exporter.put([span(number) for number in range(20)])
    exporter.close(10)
    requests = [ExportTraceServiceRequest.FromString(one) for one in sent]
    spans = [one for said in requests for one in said.resource_spans[0].scope_spans[0].spans]
    assert [one.attributes[0].value.int_value for one in spans] == list(range(20))
    assert counts(exporter) == (20, 0, 0)


def test_what_finds_no_room_is_dropped_and_counted(exporting: Callable[..., Exporter]) -> None:
    taken, go = threading.Event(), threading.Event()

    def stuck(content: bytes) -> bytes:
        taken.set()
        go.wait(10)
        return b""

    exporter = exporting(stuck, most=4)
    exporter.put([span()])
    assert taken.wait(10)
    for _ in range(3):
        exporter.put([span(), span()])
    assert exporter.dropped == 2
    go.set()
    exporter.close(10)
    assert counts(exporter) == (5, 2, 0)


def test_collector_that_is_away_has_the_batch_again(exporting: Callable[..., Exporter]) -> None:
    tries: list[bytes] = []

    def away_once(content: bytes) -> bytes:
        tries.append(content)
        if len(tries) == 1:
            raise NotTaken("answered 503", wait_s=0.01)
        return b""

    exporter = exporting(away_once)
    exporter.put([span()])
    exporter.close(10)
    assert len(tries) == 2
    assert tries[0] == tries[1]
    assert counts(exporter) == (1, 0, 0)


def test_refused_and_half_taken_batches_are_counted(exporting: Callable[..., Exporter]) -> None:
    def refuses(content: bytes) -> bytes:
        raise NotTaken("answered 400", lasting=True)

    def takes_half(content: bytes) -> bytes:
        said = ExportTraceServiceResponse()
        said.partial_success.rejected_spans = 3
        return bytes(said.SerializeToString())

    for send, expected in (
        (refuses, (0, 0, 5)),
        (takes_half, (2, 0, 3)),
        (lambda _: b"no answer", (0, 0, 5)),
    ):
        exporter = exporting(send)
        exporter.put([span() for _ in range(5)])
        exporter.close(10)
        assert counts(exporter) == expected


VALID = traceparent(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00-0-0-0",
        VALID.upper().replace("00-", "00-", 1),
        f"{VALID}-more",
        f"ff{VALID[2:]}",
        f"00-{'0' * 32}-{SPAN.hex()}-01",
        f"00-{TRACE.hex()}-{'0' * 16}-01",
    ],
)
def test_header_that_breaks_the_rules_begins_a_new_trace(given: str) -> None:
    assert parent_of({b"traceparent": given.encode()}) is None


def test_header_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    found = parent_of({b"traceparent": f"01{VALID[2:]}-more".encode(), b"tracestate": b"a=1\xff"})
    assert found is not None
    assert (found.trace_id, found.span_id, found.sampled, found.state) == (TRACE, SPAN, True, "")
