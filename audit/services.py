"""Acts: who changed what. Written in the transaction of the change, so that neither exists without the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.models import OutboxEntry
from orbit.lib.access import organization_id
from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7


def record_act(
    *,
    organization: str,
    shard: int,
    actor: str,
    action: str,
    target: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> UUID:
    """Puts an act of the organization in scope into the outbox and returns its event id.

    `action` reads `object.verb` (`key.issue`), `target` is the object's path (`chatbot/production`); `before`
    and `after` hold plain values and never a secret.
    """
    event_id = uuid7()
    now = rfc3339(datetime.now(UTC))
    OutboxEntry.objects.create(
        organization_id=organization_id(),
        shard=shard,
        event={
            "v": 1,
            "event_id": str(event_id),
            "kind": "act",
            "organization_id": str(organization_id()),
            "organization": organization,
            "admitted_at": now,
            "detail": {
                "actor": actor,
                "action": action,
                "target": target,
                "before": dict(before) if before is not None else None,
                "after": dict(after) if after is not None else None,
            },
        },
    )
    return event_id
