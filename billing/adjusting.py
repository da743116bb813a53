"""The one place where adjustments become events: further entries of the ledger, beside what they adjust, which stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.models import OutboxEntry
from orbit.lib.clock import rfc3339
from tenants.models import Organization

# What an adjustment has in common with the event that it names.
INHERITED = (
    "project_id", "project", "key_id", "key", "end_user", "surface", "endpoint", "model", "upstream_model", "request_id",
    "retention",
)  # fmt: skip


def entry(
    organization: Organization,
    *,
    event_id: UUID,
    at: datetime,
    facts: Mapping[str, Any],
    detail: Mapping[str, Any],
    corrects: UUID | None = None,
    original: Mapping[str, Any] | None = None,
) -> OutboxEntry:
    """For the outbox, not saved yet. `facts` are differences and names by the columns of the ledger; None says nothing.

    `original`: the columns of INHERITED, and `detail`, of the event that it corrects; its tags are kept, by which sums are made.
    The same `event_id` is taken in once, however often it is sent.
    """
    made = {
        "v": 1,
        "event_id": event_id,
        "kind": "adjustment",
        "corrects": corrects,
        "organization_id": organization.pk,
        "organization": organization.slug,
        "admitted_at": rfc3339(at),
        **facts,
        **_inherited(original),
        "detail": {**detail, **_tags(original)},
    }
    event = {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in made.items()
        if value is not None
    }
    return OutboxEntry(organization_id=organization.pk, shard=organization.shard, event=event)


def _inherited(original: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: original[name] for name in INHERITED if original[name] is not None} if original else {}


def _tags(original: Mapping[str, Any] | None) -> dict[str, Any]:
    tags = original["detail"].get("tags") if original else None
    return {"tags": tags} if tags else {}
