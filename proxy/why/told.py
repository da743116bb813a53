"""The answer to "what became of this request?"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from orbit.lib.clock import rfc3339

REFUSED, UNDER_WAY, DROPPED, COUNTED, UNKNOWN = "refused", "under_way", "dropped", "counted", "unknown"
# besides these, the status of the call's event
OUTCOMES = (
    REFUSED, "settled", "provider_failed", "client_gone", "lease_expired", UNDER_WAY, DROPPED, COUNTED, UNKNOWN,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """`outcome` is one of OUTCOMES. `counted` is only a guess: requests were refused in that minute, whose ids nobody kept.

    `limit` are the figures of the limit that refused, as they were then. `in_ledger`: whether there is a call to look at.
    """

    request_id: UUID
    outcome: str
    message: str
    at: datetime | None = None
    project: str | None = None
    key: str | None = None
    model: str | None = None
    endpoint: str | None = None
    code: str | None = None
    status: int | None = None
    limit: Mapping[str, Any] = field(default_factory=dict)
    in_ledger: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "request_id": str(self.request_id),
            "outcome": self.outcome,
            "message": self.message,
            "at": rfc3339(self.at) if self.at else None,
            "project": self.project,
            "key": self.key,
            "model": self.model,
            "endpoint": self.endpoint,
            "code": self.code,
            "status": self.status,
            "limit": dict(self.limit) or None,
            "in_ledger": self.in_ledger,
        }
