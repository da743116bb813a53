"""A collector of OTLP logs over HTTP: `python -m tests.audit.sinks.otlp_server FOLDER PORT CERTIFICATE TOKEN`.

Requests are held against the protobuf JSON mapping of ExportLogsServiceRequest (opentelemetry-proto 1.x): names, types, 64-bit
integers as strings, one value in each AnyValue. What a log record tells must tell the event as it is.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from typing import Any

from tests.audit.sinks import http_serving
from tests.audit.sinks.http_serving import Fault, expect

STATUS = {"throttle": 429, "fail": 503, "refuse": 400}
RECORD = {
    "timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText", "eventName", "body", "attributes"
}  # fmt: skip


class Handler(http_serving.Handler):
    token: str

    def posted(self) -> None:
        content = self.body()
        try:
            events = self._events(content)
        except (Fault, ValueError, KeyError, TypeError) as error:
            self.desk.fault(f"{type(error).__name__}: {error}")
            self.answer(400)
            return
        what = self.desk.behave(events)
        if what in ("take", "lose"):
            self.desk.take(events)
        if what == "lose":
            self.hang_up()
        elif what == "take":
            self.answer(200, b'{"partialSuccess":{}}', content_type="application/json")
        elif what == "refuse" and len(events) == 1:
            rejected = b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no poison"}}'
            self.answer(200, rejected, content_type="application/json")
        else:
            self.answer(STATUS[what])

    def _events(self, content: bytes) -> list[dict[str, Any]]:
        expect(self.path == "/v1/logs", f"path {self.path}")
        expect(self.headers.get("authorization") == self.token, "authorization")
        expect(self.headers.get("content-type") == "application/json", "content-type")
        if self.headers.get("content-encoding"):
            expect(self.headers["content-encoding"] == "gzip", "content-encoding")
            content = gzip.decompress(content)
        return [event for said in [json.loads(content)] for event in events_of(said)]


def events_of(said: Any) -> list[dict[str, Any]]:
    found = []
    for resource_logs in _only(said, {"resourceLogs"})["resourceLogs"]:
        _only(resource_logs, {"resource", "scopeLogs"})
        about = pairs(_only(resource_logs["resource"], {"attributes"})["attributes"])
        expect(about["service.name"] == "orbit-gateway", f"resource {about}")
        for scope_logs in resource_logs["scopeLogs"]:
            _only(scope_logs, {"scope", "logRecords"})
            _only(scope_logs["scope"], {"name", "version"})
            found += [_event(record) for record in scope_logs["logRecords"]]
    return found


def _event(record: Any) -> dict[str, Any]:
    _only(record, RECORD)
    for name in ("timeUnixNano", "observedTimeUnixNano"):
        expect(isinstance(record[name], str) and re.fullmatch(r"\d{19}", record[name]), f"{name}")
    expect(type(record["severityNumber"]) is int and 1 <= record["severityNumber"] <= 24, "severityNumber")
    expect(type(record["severityText"]) is str, "severityText")
    event, attributes = value(record["body"]), pairs(record["attributes"])
    if isinstance(event, str):
        event = json.loads(event)
    expect(attributes["log.record.uid"] == event["event_id"], "log.record.uid")
    expect(attributes["orbit.seq"] == event["seq"], "orbit.seq")
    expect(record["eventName"] == "orbit.audit." + event["kind"], "eventName")
    return dict(event)


def value(given: Any) -> Any:
    """What an AnyValue says; Fault where it is none."""
    if given == {}:
        return None
    expect(isinstance(given, dict) and len(given) == 1, f"an AnyValue has one value: {given}")
    [(kind, said)] = given.items()
    match kind, said:
        case "stringValue", str():
            return said
        case "boolValue", bool():
            return said
        case "intValue", str() if -(2**63) <= int(said) < 2**63:
            return int(said)
        case "doubleValue", float():
            return said
        case "arrayValue", {"values": list(items)}:
            return [value(one) for one in items]
        case "kvlistValue", {"values": list(items)}:
            return pairs(items)
    raise Fault(f"{kind} cannot be {said!r}")


def pairs(given: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in given:
        _only(pair, {"key", "value"})
        expect(type(pair["key"]) is str and pair["key"] not in found, f"key {pair['key']}")
        found[pair["key"]] = value(pair["value"])
    return found


def _only(given: Any, names: set[str]) -> dict[str, Any]:
    expect(isinstance(given, dict) and set(given) == names, f"{given!r:.100} should have {sorted(names)}")
    return dict(given)


def main(folder: str, port: str, certificate: str, token: str) -> None:
    Handler.token = token
    http_serving.serve(Handler, folder, port, certificate)


if __name__ == "__main__":
    main(*sys.argv[1:])
