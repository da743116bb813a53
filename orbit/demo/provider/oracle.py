"""The provider's own books: what it received, what it made, what a real vendor would charge for that.

Billing rule: prompt and generated tokens, also when the client left midway or the connection was cut;
nothing for errors before any work began.
"""

import hashlib
import itertools
import os
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from .catalogue import Model

_SMALL_BODY = 4_096


@dataclass(slots=True)
class Record:
    """One request to the vendor's surface. Times are seconds since the epoch."""

    id: str
    endpoint: str
    method: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    body_sha256: str
    body_bytes: int
    peer_port: int
    started_at: float
    fields: dict[str, Any] | None = None
    model_asked: str = ""
    model: Model | None = None
    stream: bool = False
    choices: int = 0
    max_tokens: int | None = None
    # Set when generation starts: from here on the call costs money, whatever becomes of the answer.
    work_began: bool = False
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    # What is charged beside tokens, such as web searches, images, seconds and characters.
    units: dict[str, int] = field(default_factory=dict)
    reported_usage: list[Any] = field(default_factory=list)
    status: int | None = None
    chunks: int = 0
    bytes_sent: int = 0
    outcome: str = "open"
    killed_pid: int | None = None
    note: str = ""
    ended_at: float | None = None
    sequence: int | None = None

    @property
    def cost_nano(self) -> int:
        if not self.work_began or self.model is None:
            return 0
        return self.model.cost_nano(
            prompt=self.prompt_tokens,
            cached=self.cached_tokens,
            completion=self.completion_tokens,
            written_5m=self.cache_write_5m_tokens,
            written_1h=self.cache_write_1h_tokens,
            units=self.units,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sequence": self.sequence,
            "endpoint": self.endpoint,
            "method": self.method,
            "status": self.status,
            "outcome": self.outcome,
            "stream": self.stream,
            "model_asked": self.model_asked,
            "model": self.model.id if self.model else None,
            "choices": self.choices,
            "max_tokens": self.max_tokens,
            "work_began": self.work_began,
            "prompt_tokens": self.prompt_tokens if self.work_began else 0,
            "cached_tokens": self.cached_tokens if self.work_began else 0,
            "cache_write_5m_tokens": self.cache_write_5m_tokens if self.work_began else 0,
            "cache_write_1h_tokens": self.cache_write_1h_tokens if self.work_began else 0,
            "completion_tokens": self.completion_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "units": self.units,
            "reported_usage": self.reported_usage,
            "cost_nano": self.cost_nano,
            "chunks": self.chunks,
            "bytes_sent": self.bytes_sent,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "peer_port": self.peer_port,
            "killed_pid": self.killed_pid,
            "note": self.note,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in self.headers],
            "body_sha256": self.body_sha256,
            "body_bytes": self.body_bytes,
            "fields": self.fields if self.fields is not None else _fields_of(self.body),
        }


def _fields_of(body: bytes) -> dict[str, Any] | None:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) else None


def _abridged(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _short(value) for name, value in fields.items()}


def _short(value: Any) -> Any:
    if isinstance(value, (str, list, dict)) and len(text := orjson.dumps(value)) > 256:
        return {
            "kind": type(value).__name__,
            "length": len(value),
            "json_bytes": len(text),
        }
    return value


@dataclass(slots=True)
class Sums:
    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0
    units: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        self.requests += 1
        if record.work_began:
            self.prompt_tokens += record.prompt_tokens
            self.cached_tokens += record.cached_tokens
            self.cache_write_5m_tokens += record.cache_write_5m_tokens
            self.cache_write_1h_tokens += record.cache_write_1h_tokens
            self.completion_tokens += record.completion_tokens
            self.reasoning_tokens += record.reasoning_tokens
            self.cost_nano += record.cost_nano
            self.units.update(record.units)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Oracle:
    def __init__(self, *, keep: int, file: Path | None) -> None:
        # Ids differ between runs, so that the gateway's ledger never sees one twice.
        self._run = os.urandom(5).hex()
        self._numbers = itertools.count(1)
        self._kept: deque[Record] = deque(maxlen=keep)
        self._file: BinaryIO | None = file.open("ab", buffering=0) if file else None
        self._open: dict[str, Record] = {}
        self._sequences = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget what is finished. Requests still open are counted when they end."""
        self._kept.clear()
        self._since = time.time()
        self._peak = len(self._open)
        self._total = Sums()
        self._by_model: dict[str, Sums] = {}
        self._statuses: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()

    def open(
        self,
        *,
        endpoint: str,
        method: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        peer_port: int,
    ) -> Record:
        small = len(body) <= _SMALL_BODY
        record = Record(
            id=f"req_demo_{self._run}{next(self._numbers):010d}",
            endpoint=endpoint,
            method=method,
            headers=headers,
            body=body if small else b"",
            body_sha256=hashlib.sha256(body).hexdigest(),
            body_bytes=len(body),
            peer_port=peer_port,
            started_at=time.time(),
        )
        self._open[record.id] = record
        self._peak = max(self._peak, len(self._open))
        return record

    def remember_fields(self, record: Record, fields: dict[str, Any]) -> None:
        """Small bodies are parsed again when asked for; large ones leave only their outline."""
        if record.body_bytes > _SMALL_BODY:
            record.fields = _abridged(fields)

    def close(self, record: Record, outcome: str) -> None:
        record.outcome = outcome
        record.ended_at = time.time()
        record.sequence = next(self._sequences)
        del self._open[record.id]
        self._kept.append(record)
        self._total.add(record)
        name = record.model.id if record.model else ""
        sums = self._by_model.get(name)
        if sums is None:
            sums = self._by_model[name] = Sums()
        sums.add(record)
        self._statuses[str(record.status)] += 1
        self._outcomes[outcome] += 1
        if self._file:
            self._file.write(orjson.dumps(record.as_json(), option=orjson.OPT_APPEND_NEWLINE))

    def finished(self, *, since: int, limit: int) -> list[dict[str, Any]]:
        """Finished requests in the order they ended, after the sequence number `since`."""
        later = (record for record in self._kept if (record.sequence or 0) > since)
        return [record.as_json() for record in itertools.islice(later, limit)]

    def find(self, record_id: str) -> dict[str, Any] | None:
        record = self._open.get(record_id)
        if record is None:
            record = next((kept for kept in self._kept if kept.id == record_id), None)
        return record.as_json() if record else None

    def summary(self) -> dict[str, Any]:
        return {
            "since": self._since,
            **self._total.as_json(),
            "open": len(self._open),
            "peak_parallel": self._peak,
            "kept": len(self._kept),
            "statuses": dict(self._statuses),
            "outcomes": dict(self._outcomes),
            "models": {name: sums.as_json() for name, sums in self._by_model.items()},
        }
