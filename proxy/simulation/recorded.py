"""What the ledger has of a stretch of time, page by page in the order in which calls were admitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from audit.models import Event
from orbit.lib import access
from orbit.lib.clock import to_us
from quotas.limits import Amounts

PAGE = 2000
KINDS = ("call", "refusal", "correction", "adjustment")
COLUMNS = (
    "seq", "event_id", "kind", "corrects", "admitted_at", "settled_at", "project", "key_id", "key", "model",
    "endpoint", "end_user", "status", "input_tokens", "output_tokens", "cost_nano", "code", "limit", "count",
)  # fmt: skip
DETAILS = ("reserved", "client_ip", "requested_model", "shadow")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as far as a simulation needs it. `used` has zeros for what is not known."""

    id: str
    kind: str
    corrects: str
    admitted_us: int
    settled_us: int | None
    project: str
    key_id: UUID | None
    key: str
    model: str
    requested_model: str | None
    endpoint: str
    end_user: str | None
    client_ip: str | None
    status: str
    used: Amounts
    input_known: bool
    cost_known: bool
    reserved: Amounts | None
    code: str
    limit: str
    count: int
    shadow: bool


def recorded(organization_id: UUID, since: datetime, until: datetime) -> Iterator[Recorded]:
    """Calls, corrections right behind theirs, and refusals at the beginning of their minute."""
    after = (since, -1)
    while rows := _page(organization_id, after, until):
        yield from map(_recorded, rows)
        after = rows[-1]["admitted_at"], rows[-1]["seq"]


def _page(organization_id: UUID, after: tuple[datetime, int], until: datetime) -> list[dict[str, Any]]:
    moment, seq = after
    with access.scope(organization_id=organization_id):
        events = Event.objects.filter(kind__in=KINDS, admitted_at__gte=moment, admitted_at__lt=until)
        further = events.filter(Q(admitted_at__gt=moment) | Q(seq__gt=seq)).order_by("admitted_at", "seq")
        details = {name: F(f"detail__{name}") for name in DETAILS}
        return list(further.values(*COLUMNS, **details)[:PAGE])


def _recorded(row: dict[str, Any]) -> Recorded:
    reserved, settled = row["reserved"], row["settled_at"]
    return Recorded(
        id=str(row["event_id"]),
        kind=row["kind"],
        corrects=str(row["corrects"] or ""),
        admitted_us=to_us(row["admitted_at"]),
        settled_us=to_us(settled) if settled else None,
        project=row["project"] or "",
        key_id=row["key_id"],
        key=f"{row['project']}/{row['key']}",
        model=row["model"] or "",
        requested_model=row["requested_model"],
        endpoint=row["endpoint"] or "",
        end_user=row["end_user"],
        client_ip=row["client_ip"],
        status=row["status"] or "",
        used=_amounts(row),
        input_known=row["input_tokens"] is not None,
        cost_known=row["cost_nano"] is not None,
        reserved=_amounts(reserved) if isinstance(reserved, dict) else None,
        code=row["code"] or "",
        limit=row["limit"] or "",
        count=row["count"] or 0,
        shadow=bool(row["shadow"]),
    )


def _amounts(given: dict[str, Any]) -> Amounts:
    return Amounts(
        given.get("input_tokens") or 0, given.get("output_tokens") or 0, given.get("cost_nano") or 0
    )
