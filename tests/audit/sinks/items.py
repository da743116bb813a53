"""Events as sinks are given them, without a ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.sinks.base import Item
from audit.sinks.rendering import line
from orbit.lib.ids import uuid7

ORGANIZATION = UUID(int=7)


def item(**event: Any) -> Item:
    made = {"event_id": str(uuid7()), "kind": "call", "admitted_at": "2026-11-30T12:00:00.000007Z", **event}
    return Item(
        event_id=UUID(made["event_id"]),
        organization_id=ORGANIZATION,
        organization="acme",
        kind=made["kind"],
        at=datetime.now(UTC),
        shard=1,
        shard_seq=int(event.get("seq", 0)),
        event=made,
        text=line(made),
    )
