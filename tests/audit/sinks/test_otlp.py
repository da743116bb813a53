"""OTLP's JSON as its mapping has it, and what each answer means."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from audit.sinks.base import Refused, Unavailable
from audit.sinks.otlp import Otlp, OtlpConfig, any_value, request
from tests.audit.sinks.items import item
from tests.audit.sinks.otlp_server import events_of, value
from tests.lib.servers import plain, serving


def config(**more: Any) -> OtlpConfig:
    given = {"name": "x", "kind": "otlp", "url": "https://collector.example.com/v1/logs"}
    return OtlpConfig.model_validate({**given, **more})


@pytest.mark.parametrize("body", ["map", "json"])
def test_a_record_tells_the_event_as_it_is(body: str) -> None:
    given = item(seq=2**53 + 1, tags={"a b": [1, -2.5, True, None, "ü"], "": {}}, cost_nano=2**63 - 1)
    assert events_of(json.loads(json.dumps(request(config(body=body), [given])))) == [given.event]


def test_an_integer_that_it_cannot_hold_is_text() -> None:
    assert value(any_value({"large": 2**63, "small": -(2**63)})) == {"large": str(2**63), "small": -(2**63)}


@pytest.mark.parametrize(
    ("event", "number", "text"),
    [
        ({"status": "settled"}, 9, "INFO"),
        ({"status": "client_gone"}, 10, "INFO2"),
        ({"status": "lease_expired"}, 13, "WARN"),
        ({"status": "provider_failed"}, 17, "ERROR"),
        ({"kind": "act"}, 10, "INFO2"),
        ({"kind": "refusal"}, 13, "WARN"),
        ({"status": "hmac-sha256:00"}, 9, "INFO"),
    ],
)
def test_the_severity_is_of_the_status(event: dict[str, Any], number: int, text: str) -> None:
    record = request(config(), [item(**event)])["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert (record["severityNumber"], record["severityText"]) == (number, text)


def test_times_are_nanoseconds_and_what_the_operator_says_of_the_resource_is_sent() -> None:
    logs = request(config(resource={"deployment.environment.name": "prod"}), [item()])["resourceLogs"][0]
    assert logs["scopeLogs"][0]["logRecords"][0]["timeUnixNano"] == "1796040000000007000"
    assert {"key": "deployment.environment.name", "value": {"stringValue": "prod"}} in logs["resource"][
        "attributes"
    ]


async def _answered(answer: bytes, *headers: bytes, status: bytes, count: int = 1, **more: Any) -> Any:
    """One batch, sent to a server that answers so: what `send` returns or raises."""
    async with serving(plain(answer, *headers, status=status)) as server:
        sink = Otlp(config(url=f"http://127.0.0.1:{server.port}/v1/logs", private=True, **more), str)
        try:
            return await asyncio.to_thread(sink.send, [item(seq=one) for one in range(count)])
        finally:
            await asyncio.to_thread(sink.close)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b'{"partialSuccess":{}}',
        b'{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"a warning"}}',
    ],
)
async def test_success_acknowledges(answer: bytes) -> None:
    assert await _answered(answer, status=b"200 OK") == {}


async def test_when_all_are_rejected_all_are_refused() -> None:
    answer = b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"secret words"}}'
    refused = await _answered(answer, status=b"200 OK", count=3)
    assert list(refused.values()) == ["rejected by the collector"] * 3


async def test_when_some_are_rejected_they_are_looked_for() -> None:
    answer = b'{"partialSuccess":{"rejectedLogRecords":1,"errorMessage":"secret words"}}'
    with pytest.raises(Refused, match="rejected 1 of 3 records"):
        await _answered(answer, status=b"200 OK", count=3)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"partialSuccess":{"rejectedLogRecords":"many"}}',
        b'{"a":"' + b"x" * 70_000 + b'"}',
    ],
    ids=["html", "list", "number", "long"],
)
async def test_a_page_with_200_is_no_acknowledgement(answer: bytes) -> None:
    with pytest.raises(Unavailable, match="no answer of OTLP"):
        await _answered(answer, status=b"200 OK")


@pytest.mark.parametrize("status", [b"429 Many", b"502 Bad", b"503 No", b"504 Late"])
async def test_what_the_specification_calls_retryable_comes_again_when_it_says(status: bytes) -> None:
    with pytest.raises(Unavailable, match=status[:3].decode()) as raised:
        await _answered(b"secret words", b"retry-after: 17", status=status)
    assert raised.value.retry_after_s == 17
    assert "secret words" not in str(raised.value)


@pytest.mark.parametrize("status", [b"301 Moved", b"401 No", b"403 No", b"404 No", b"408 Late"])
async def test_what_is_wrong_with_the_sink_is_tried_again(status: bytes) -> None:
    with pytest.raises(Unavailable, match=status[:3].decode()):
        await _answered(b"", b"location: http://127.0.0.1/", status=status)


@pytest.mark.parametrize("status", [b"400 Bad", b"413 Large", b"422 No", b"500 Oh", b"501 No"])
async def test_all_else_refuses_what_was_sent(status: bytes) -> None:
    with pytest.raises(Refused, match=status[:3].decode()):
        await _answered(b"", status=status)


async def test_it_packs_what_it_sends_when_told_to() -> None:
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = server.heads[0].lower()
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        got.append(await reader.readexactly(length))
        await plain(b"{}")(reader, writer)

    async with serving(answer) as server:
        sink = Otlp(config(url=f"http://127.0.0.1:{server.port}/x", private=True, compress=True), str)
        given = item(seq=1)
        await asyncio.to_thread(sink.send, [given])
        await asyncio.to_thread(sink.close)
    assert b"content-encoding: gzip" in server.heads[0].lower()
    assert events_of(json.loads(gzip.decompress(got[0]))) == [given.event]


@pytest.mark.parametrize(
    "more",
    [
        {"url": "http://collector.example.com/v1/logs"},
        {"url": "https://collector.example.com/?key=x"},
        {"headers": {"api-key": "abc"}},
        {"body": "xml"},
        {"resource": {"a": 1}},
    ],
)
def test_what_may_not_be_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"(?s){next(iter(more))}"):
        config(**more)
