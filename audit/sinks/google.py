"""Google Cloud Logging by `entries:write`: one entry for each event, told apart by `insertId`, refusals told one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import UUID

import orjson
from pydantic import Field, model_validator

from audit.sinks.base import Item, ReadSecret, Refused, Sink, Unavailable
from audit.sinks.config import Reference, SinkConfig, Strict, Tls
from audit.sinks.google_token import MachineToken, ServiceAccountToken, Token
from audit.sinks.http import NOT_OF_THE_EVENT, Post, Reply, check_url, place_of
from audit.sinks.severity import severity
from orbit.lib import clock

_ANSWER_BYTES = 4_000_000  # a refusal names every entry that it is about
_ENTRY_BYTES = 256_000  # Google's limit is 256 KB; what is left out of the count here is its margin
_MOST_BYTES = 4_000_000  # of a request it takes 10 MB, names and labels included
_EXACT = 2**53  # above it the numbers of a payload, which are doubles, are no longer exact
_PARTIAL = "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"
# Codes (google.rpc.Code) that are about an entry for good; all others ask to come again, or are about us.
_OF_THE_ENTRY = {3: "INVALID_ARGUMENT", 11: "OUT_OF_RANGE"}
_LABEL = re.compile(r"[A-Za-z0-9_./-]{1,512}")


class Resource(Strict):
    type: str = Field(default="global", pattern=r"^[a-z0-9_./]+$")
    labels: dict[str, str] = Field(default_factory=dict)


class GoogleConfig(SinkConfig):
    kind: Literal["google"]
    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")
    log: str = Field(default="orbit-audit", pattern=r"^[A-Za-z0-9/_.-]{1,511}$")
    credentials: Reference | None = None  # a service account's key; without it the machine's own identity
    resource: Resource = Resource()
    labels: dict[str, str] = Field(default_factory=dict)
    endpoint: str = "https://logging.googleapis.com"
    metadata_host: str = Field(
        default="metadata.google.internal", pattern=r"^[A-Za-z0-9.-]+(?::[0-9]{1,5})?$"
    )
    private: bool = False
    tls: Tls = Tls()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        check_url("endpoint", self.endpoint, private=self.private)
        if self.batch.bytes > _MOST_BYTES:
            raise ValueError(f"batch.bytes is more than a request may hold; write at most {_MOST_BYTES}")
        for name in self.labels:
            if not _LABEL.fullmatch(name):
                raise ValueError(f"labels: {name[:80]!r} is no name of a label; use letters, digits and ._-/")
        return self

    @property
    def private_targets(self) -> tuple[str, ...]:
        own = place_of(self.endpoint) if self.private else ()
        return own if self.credentials else (*own, *place_of(f"http://{self.metadata_host}"))


class Google(Sink):
    def __init__(self, config: GoogleConfig, read_secret: ReadSecret) -> None:
        self._config = config
        self._post = Post(config.private_targets, config.timeout_s, config.tls)
        self._token: Token = (
            ServiceAccountToken(read_secret(config.credentials), self._post)
            if config.credentials
            else MachineToken(config.metadata_host, self._post)
        )

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        made = [(item, orjson.dumps(_entry(self._config, item))) for item in items]
        refused = {
            item.event_id: f"larger than an entry may be ({len(entry)} bytes)"
            for item, entry in made
            if len(entry) > _ENTRY_BYTES
        }
        fitting = [(item, entry) for item, entry in made if item.event_id not in refused]
        if fitting:
            content = _request(self._config, [entry for _, entry in fitting])
            headers = [("authorization", f"Bearer {self._token()}"), ("content-type", "application/json")]
            url = f"{self._config.endpoint.rstrip('/')}/v2/entries:write"
            reply = self._post(url, headers, content, most_bytes=_ANSWER_BYTES)
            refused |= _judge(reply, [item for item, _ in fitting])
        return refused

    def close(self) -> None:
        self._post.close()


def _request(config: GoogleConfig, entries: Sequence[bytes]) -> bytes:
    labels = config.resource.labels
    if config.resource.type == "global":
        labels = {"project_id": config.project, **labels}
    head = {
        "logName": f"projects/{config.project}/logs/{quote(config.log, safe='')}",
        "resource": {"type": config.resource.type, "labels": labels},
        "labels": config.labels,
        "partialSuccess": True,
    }
    return orjson.dumps(head)[:-1] + b',"entries":[' + b",".join(entries) + b"]}"


def _entry(config: GoogleConfig, item: Item) -> dict[str, Any]:
    """Entries of one log with one time and `insertId` are one entry, so both are the event's own, however often it is sent."""
    return {
        "insertId": str(item.event_id),
        "timestamp": clock.rfc3339(datetime.fromisoformat(item.event["admitted_at"])),
        "severity": severity(item.event),
        "labels": {"organization": item.organization, "kind": item.kind},
        "jsonPayload": _payload(item.event),
    }


def _payload(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _payload(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_payload(one) for one in value]
    if isinstance(value, int) and not -_EXACT <= value <= _EXACT:
        return str(value)
    return value


def _judge(reply: Reply, items: Sequence[Item]) -> dict[UUID, str]:
    status = reply.status
    if status == 200:
        return {}
    codes = _partial(reply)
    if codes:
        return _entries_refused(status, codes, items)
    if 400 <= status < 500 and status not in NOT_OF_THE_EVENT:
        raise Refused(f"answered {status}")
    raise Unavailable(f"answered {status}", reply.retry_after_s)


def _entries_refused(status: int, codes: Mapping[int, int], items: Sequence[Item]) -> dict[UUID, str]:
    """All that are not named were written. Where one is to come again, all come, which `insertId` makes harmless."""
    if not set(codes.values()) <= set(_OF_THE_ENTRY) or not set(codes) <= set(range(len(items))):
        said = ", ".join(str(code) for code in sorted(set(codes.values())))
        raise Unavailable(f"answered {status} for {len(codes)} of {len(items)} entries (code {said})")
    return {
        items[at].event_id: f"answered {status}, {_OF_THE_ENTRY[code]} for it" for at, code in codes.items()
    }


def _partial(reply: Reply) -> dict[int, int]:
    """By the entry's place in the request: its code. Nothing where the answer does not tell entries apart."""
    try:
        details = orjson.loads(reply.content or b"")["error"]["details"]
        found = next(one["logEntryErrors"] for one in details if one.get("@type") == _PARTIAL)
        return {int(place): int(error["code"]) for place, error in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return {}
