"""Which events are meant: what lists, pages and files are filtered by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from audit import reading, rows
from audit.events import COLUMNS, exported
from audit.models import ChainHead, CheckpointHead, Event
from orbit.lib.access import organization_id
from orbit.lib.clock import parse, rfc3339

OF_ACTS = ("actor", "action", "target")


@dataclass(frozen=True, slots=True)
class Selection:
    """Of the organization in scope. `provable` widens it to all between the checkpoints around it, for a verifier."""

    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None  # how it begins
    request_id: UUID | None = None
    provable: bool = False

    @classmethod
    def of(cls, asked: dict[str, Any]) -> Self:
        """Of what a query or a body says; names of other things in it are passed over."""
        return cls(**{one.name: asked[one.name] for one in fields(cls) if one.name in asked})

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        found: dict[str, Any] = {
            name: stored[name] for name in (one.name for one in fields(cls)) if name in stored
        }
        found |= {name: parse(found[name]) for name in ("since", "until") if name in found}
        if "request_id" in found:
            found["request_id"] = UUID(found["request_id"])
        return cls(**found)

    def as_json(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value is None or value is False:
                continue
            made[one.name] = (
                rfc3339(value)
                if isinstance(value, datetime)
                else value
                if isinstance(value, bool)
                else str(value)
            )
        return made

    @property
    def only_kind(self) -> str | None:
        """The one kind that there can be; None: any."""
        return self.kind or ("act" if any(getattr(self, name) for name in OF_ACTS) else None)

    @property
    def has_calls(self) -> bool:
        """Whether something besides acts can be in it."""
        return self.provable or self.only_kind != Event.Kind.ACT

    def rows(self) -> QuerySet[Event]:
        """What an index finds."""
        found = Event.objects.filter(organization_id=organization_id())
        if self.since is not None:
            found = found.filter(admitted_at__gte=self.since)
        if self.until is not None:
            found = found.filter(admitted_at__lt=self.until)
        if self.request_id is not None:
            found = found.filter(Q(request_id=self.request_id) | Q(event_id=self.request_id))
        return found if self.only_kind in (None, Event.Kind.CALL) else found.filter(kind=self.only_kind)

    def wanted(self) -> dict[str, Any]:
        """What is asked of each of them."""
        found: dict[str, Any] = {
            f"detail__{name}": getattr(self, name) for name in ("actor", "action") if getattr(self, name)
        }
        if self.target:
            found["detail__target__startswith"] = self.target
        return found | {"kind": Event.Kind.CALL} if self.only_kind == Event.Kind.CALL else found

    def bounds(self) -> tuple[int, int]:
        """The first and the last sequence, as of now. The last is before the first where there is nothing."""
        head = ChainHead.objects.filter(organization_id=organization_id()).first()
        whole = (1, head.seq if head else 0)
        narrowed = any((self.since, self.until, self.request_id, self.only_kind))
        if not narrowed:
            return whole
        found = self.rows().aggregate(first=Min("seq"), last=Max("seq"))
        if found["first"] is None:
            return (1, 0)
        if not self.provable:
            return found["first"], found["last"]
        heads = CheckpointHead.objects.filter(organization_id=organization_id())
        before = heads.filter(seq__lt=found["first"]).aggregate(Max("seq"))["seq__max"] or 0
        after = heads.filter(seq__gte=found["last"]).aggregate(Min("seq"))["seq__min"]
        return before + 1, after or whole[1]

    def batch(self, after: int, last: int, most: int) -> tuple[list[dict[str, Any]], int | None]:
        """Up to `most` events, as `ledger export` has them, after a sequence, and where to go on; None at the end.

        There may be none of them, and more to come.
        """
        if self.provable:
            until = min(after + most, last)
            found = [one.event() for one in rows.stored("default", organization_id(), after, until)]
            return found, until if until < last else None
        some = self.rows().filter(seq__gt=after, seq__lte=last)
        events, place = reading.stretch(some, self.wanted(), limit=most, newest_first=False)
        return [exported({name: getattr(event, name) for name in COLUMNS}) for event in events], place
