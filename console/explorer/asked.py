"""What is asked of the trail: an address that can be shared, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from audit.exports.selection import Selection
from audit.models import Event
from audit.reading import Place
from console.calls.asked import SPANS, Chip, moment, place
from orbit.lib.errors import InputError

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
_PLACES = ("after", "before")


@dataclass(frozen=True, slots=True)
class Asked:
    """`given` are the filters as they stand in the address; acts are shown where it names no kind."""

    kind: str
    given: dict[str, str]
    selection: Selection
    after: Place | None = None
    before: Place | None = None
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, query: Mapping[str, str], time_zone: str, *, calls: bool, now: datetime | None = None
    ) -> Asked:
        """What cannot be read is a problem by its field, and filters nothing. `calls`: whether they may be seen."""
        kind = query.get("kind") or Event.Kind.ACT
        given, problems, found = dict[str, str](), dict[str, str](), dict[str, Any]()
        if kind not in KINDS:
            problems["kind"], kind = f"is none of {', '.join(KINDS)}", Event.Kind.ACT
        elif kind != Event.Kind.ACT and not calls:
            problems["kind"], kind = "takes the right calls.read besides", Event.Kind.ACT
        for name in (*LABELS, *_PLACES):
            text = query.get(name, "").strip()
            if not text or name == "kind" or (kind != Event.Kind.ACT and name in TEXTS):
                continue
            try:
                found[name] = _read(name, text, ZoneInfo(time_zone), now or timezone.now())
                given[name] = text
            except InputError as error:
                problems[name] = error.message
        selection = Selection(
            kind=None if kind == ALL or ("id" in found and calls) else str(kind),
            since=found.get("since") or found.get("last"),
            until=found.get("until"),
            request_id=found.get("id"),
            actor=found.get("actor"),
            action=found.get("action"),
            target=found.get("target"),
        )
        kept = {name: text for name, text in given.items() if name not in _PLACES}
        return cls(str(kind), kept, selection, found.get("after"), found.get("before"), problems)

    @property
    def query(self) -> str:
        """The address of the first page of the same."""
        return self.address()

    @property
    def fields(self) -> list[tuple[str, str]]:
        """All of it, for a form that asks for the same."""
        return [("kind", self.kind), *self.given.items()]

    def address(self, leave_out: str = "", **more: str) -> str:
        kind = {"kind": self.kind} if self.kind != Event.Kind.ACT else {}
        kept = {name: text for name, text in self.given.items() if name != leave_out}
        return urlencode(kind | kept | more)

    def of_kind(self, kind: str) -> str:
        """The address of another kind, with what both know of."""
        kept = {
            name: text for name, text in self.given.items() if kind == Event.Kind.ACT or name not in TEXTS
        }
        return replace(self, kind=kind, given=kept).address()

    def chips(self) -> list[Chip]:
        return [
            Chip(LABELS[name], _shown(name, text), self.address(leave_out=name))
            for name, text in self.given.items()
        ]


def _read(name: str, text: str, zone: ZoneInfo, now: datetime) -> Any:
    match name:
        case "last":
            if text not in SPANS:
                raise InputError(name, f"is none of {', '.join(SPANS)}")
            return now - SPANS[text][1]
        case "since" | "until":
            return moment(name, text, zone)
        case "id":
            return _id(text)
        case "after" | "before":
            return place(name, text)
        case _:
            most = TEXTS[name][1]
            if len(text) > most or not text.isprintable():
                raise InputError(name, f"must be printable text of at most {most} characters")
            return text


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InputError("id", "is no id: it is an event’s, or the x-orbit-request-id of an answer") from None


def _shown(name: str, text: str) -> str:
    if name == "last":
        return SPANS[text][0]
    return text.replace("T", " ") if name in ("since", "until") else text
