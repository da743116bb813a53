"""OpenTelemetry logs over HTTP: an ExportLogsServiceRequest in OTLP's JSON encoding for each batch."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import Field

from audit.sinks.base import Item, ReadSecret, Refused, Sink, Unavailable
from audit.sinks.http import NOT_OF_THE_EVENT, HttpConfig, Post, Reply
from audit.sinks.severity import Severity, severity
from orbit.lib import clock

# A collector that works on them may say so; by the specification all other statuses are final.
_LATER = NOT_OF_THE_EVENT | {502, 503, 504}
_NUMBER: dict[Severity, int] = {"INFO": 9, "NOTICE": 10, "WARNING": 13, "ERROR": 17}
_TEXT: dict[Severity, str] = {"INFO": "INFO", "NOTICE": "INFO2", "WARNING": "WARN", "ERROR": "ERROR"}
_INT64 = range(-(2**63), 2**63)


class OtlpConfig(HttpConfig):
    kind: Literal["otlp"]
    body: Literal["map", "json"] = "map"
    compress: bool = False
    resource: dict[str, str] = Field(default_factory=dict)


class Otlp(Sink):
    def __init__(self, config: OtlpConfig, read_secret: ReadSecret) -> None:
        self._config = config
        self._headers = [(name.lower(), read_secret(ref)) for name, ref in config.headers.items()]
        self._headers.append(("content-type", "application/json"))
        if config.compress:
            self._headers.append(("content-encoding", "gzip"))
        self._post = Post(config.private_targets, config.timeout_s, config.tls)

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        content = orjson.dumps(request(self._config, items))
        if self._config.compress:
            content = gzip.compress(content, 6, mtime=0)
        return _judge(self._post(self._config.url, self._headers, content), items)

    def close(self) -> None:
        self._post.close()


def request(config: OtlpConfig, items: Sequence[Item]) -> dict[str, Any]:
    resource = {"service.name": "orbit-gateway", **config.resource}
    scope = {
        "scope": {"name": "orbit.audit", "version": "1"},
        "logRecords": [_record(item, config.body) for item in items],
    }
    return {"resourceLogs": [{"resource": {"attributes": _pairs(resource)}, "scopeLogs": [scope]}]}


def _record(item: Item, body: Literal["map", "json"]) -> dict[str, Any]:
    """`log.record.uid` is what OpenTelemetry tells duplicates by."""
    level = severity(item.event)
    attributes = {
        "log.record.uid": str(item.event_id),
        "orbit.kind": item.kind,
        "orbit.organization": item.organization,
        "orbit.seq": item.event.get("seq"),
    }
    return {
        "timeUnixNano": _nanoseconds(datetime.fromisoformat(item.event["admitted_at"])),
        "observedTimeUnixNano": _nanoseconds(item.at),
        "severityNumber": _NUMBER[level],
        "severityText": _TEXT[level],
        "eventName": f"orbit.audit.{item.kind}",
        "body": any_value(item.event) if body == "map" else {"stringValue": item.text.decode()},
        "attributes": _pairs(attributes),
    }


def any_value(value: Any) -> dict[str, Any]:
    """OTLP's AnyValue. 64-bit integers are strings in its JSON; longer ones are text, and null is an empty value."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() if value in _INT64:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case dict():
            return {"kvlistValue": {"values": _pairs(value)}}
        case list():
            return {"arrayValue": {"values": [any_value(one) for one in value]}}
    return {"stringValue": str(value)}


def _pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": str(name), "value": any_value(value)} for name, value in values.items()]


def _nanoseconds(moment: datetime) -> str:
    return str(clock.to_us(moment) * 1000)


def _judge(reply: Reply, items: Sequence[Item]) -> dict[UUID, str]:
    status = reply.status
    if 200 <= status < 300:
        return _rejected(reply, items)
    if status < 400 or status in _LATER:
        raise Unavailable(f"answered {status}", reply.retry_after_s)
    raise Refused(f"answered {status}")


def _rejected(reply: Reply, items: Sequence[Item]) -> dict[UUID, str]:
    """A partial success says how many, not which. Finding out means to send some again, under the same ids."""
    try:
        said = {} if reply.content == b"" else orjson.loads(reply.content or b"")
        count = int((said.get("partialSuccess") or {}).get("rejectedLogRecords") or 0)
    except (AttributeError, TypeError, ValueError):
        raise Unavailable(f"answered {reply.status} with what is no answer of OTLP") from None
    if count <= 0:
        return {}
    if count >= len(items):
        return {item.event_id: "rejected by the collector" for item in items}
    raise Refused(f"rejected {count} of {len(items)} records")
