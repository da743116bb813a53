"""What is asked of the trail: an address that can be shared, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.utils import timezone

from audit.exports.selection import Selection
from audit.models import Event
from audit.reading import Place
from console import filters
from console.filters import Filters, Reader

ALL = "all"
KINDS = {
    Event.Kind.ACT: "Acts",
    ALL: "Everything",
    Event.Kind.CALL: "Calls",
    Event.Kind.REFUSAL: "Refusals",
    Event.Kind.CORRECTION: "Corrections",
    Event.Kind.ADJUSTMENT: "Adjustments",
}
# By the name in the address: what it is called on the page, and how long it may be.
TEXTS = {"actor": ("Who", 254), "action": ("What", 80), "target": ("Of what", 300)}
LABELS = {name: label for name, (label, _) in TEXTS.items()} | {
    "last": "When", "since": "From", "until": "Until", "id": "Id", "kind": "Kind",
}  # fmt: skip
_ID = "it is an event’s, or the x-orbit-request-id of an answer"


@dataclass(frozen=True, slots=True)
class Asked(Filters):
    """Acts are shown where the address names no kind."""

    selection: Selection
    after: Place | None = None
    before: Place | None = None
    problems: dict[str, str] = field(default_factory=dict)

    USUAL: ClassVar = Event.Kind.ACT
    LABELS: ClassVar = LABELS

    @classmethod
    def read(
        cls, query: Mapping[str, str], time_zone: str, *, calls: bool, now: datetime | None = None
    ) -> Asked:
        """What cannot be read is a problem by its field, and filters nothing. `calls`: whether they may be seen."""
        kind, wrong = _kind(query.get("kind") or Event.Kind.ACT, calls=calls)
        readers = _readers(ZoneInfo(time_zone), now or timezone.now())
        if kind != Event.Kind.ACT:
            readers = {name: reader for name, reader in readers.items() if name not in TEXTS}
        read = filters.read(query, readers)
        any_kind = kind == ALL or ("id" in read.found and calls)
        selection = Selection(
            kind=None if any_kind else kind,
            since=read.since,
            until=read.found.get("until"),
            request_id=read.found.get("id"),
            actor=read.found.get("actor"),
            action=read.found.get("action"),
            target=read.found.get("target"),
        )
        kept = {name: text for name, text in read.given.items() if name not in filters.PLACES}
        after, before = (read.found.get(name) for name in filters.PLACES)
        return cls(kind, kept, selection, after, before, wrong | read.problems)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """All of it, for a form that asks for the same."""
        return [("kind", self.kind), *self.given.items()]

    def of_kind(self, kind: str) -> str:
        """The address of another kind, with what both know of."""
        kept = {
            name: text for name, text in self.given.items() if kind == Event.Kind.ACT or name not in TEXTS
        }
        return replace(self, kind=kind, given=kept).address()


def _kind(asked: str, *, calls: bool) -> tuple[str, dict[str, str]]:
    if asked not in KINDS:
        return str(Event.Kind.ACT), {"kind": f"is none of {', '.join(KINDS)}"}
    if asked != Event.Kind.ACT and not calls:
        return str(Event.Kind.ACT), {"kind": "takes the right calls.read besides"}
    return str(asked), {}


def _readers(zone: ZoneInfo, now: datetime) -> dict[str, Reader]:
    return {
        **{name: filters.words(name, most) for name, (_, most) in TEXTS.items()},
        **filters.times(zone, now),
        "id": filters.identifier("id", _ID),
        **filters.places(),
    }
