"""One try at a provider, as the event keeps it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from orbit.lib.exchange import Answer, EgressError
from tenants.secrets import Secret


class CredentialLost(EgressError):
    """The account had its credential when the call was planned, and has none now."""

    worked = False


@dataclass(slots=True)
class Attempt:
    account: str
    model: str
    id_header: str  # in which the provider names its own request
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None  # of one that was given up for another
    http_status: int | None = None
    error: str | None = None
    upstream_request_id: str | None = None
    secret: Secret | None = None  # that it was sent with; the account may have another one by now
    kind: str = ""  # of the account's provider
    span_id: bytes = b""  # in its call's trace, where the provider is told

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.started

    def answered(self, answer: Answer) -> None:
        self.http_status = answer.status
        upstream_id = answer.header(self.id_header)
        self.upstream_request_id = upstream_id[:200] if upstream_id else None

    def as_json(self, cost_nano: int | None) -> dict[str, Any]:
        found = {
            "account": self.account,
            "model": self.model,
            "http_status": self.http_status,
            "error": self.error,
            "duration_ms": round(self.seconds * 1000),
            "cost_nano": cost_nano,
            "upstream_request_id": self.upstream_request_id,
        }
        return {name: value for name, value in found.items() if value is not None}
