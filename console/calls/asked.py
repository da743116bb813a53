"""What is asked of the list of calls: an address that can be shared, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from audit.models import Event
from audit.reading import Place
from orbit.lib.clock import from_us, to_us
from orbit.lib.errors import InputError
from quotas.reports import keys_named

CALL, REFUSAL = Event.Kind.CALL, Event.Kind.REFUSAL
STATUSES = {
    "settled": "settled",
    "provider_failed": "provider failed",
    "client_gone": "client gone",
    "lease_expired": "lease expired",
}
SPANS = {
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(days=1)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
# By the name in the address: what it is called on the page, and how long it may be.
TEXTS = {
    "project": ("Project", 63),
    "key": ("Key", 127),
    "model": ("Model", 120),
    "account": ("Account", 63),
    "code": ("Code", 40),
    "end_user": ("End user", 256),
    "tag": ("Tag", 200),
}
OF_CALLS = (
    "account",
    "status",
    "end_user",
    "tag",
)  # which refusals, being counted by the minute, do not have
LABELS = {name: label for name, (label, _) in TEXTS.items()} | {
    "last": "When", "since": "From", "until": "Until", "status": "Status", "request_id": "Request id",
}  # fmt: skip
_PLACES = ("after", "before")


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in words, and the address without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True, slots=True)
class Asked:
    """`given` are the filters as they stand in the address. `after` goes on to older entries, `before` to newer ones."""

    kind: str
    given: dict[str, str]
    since: datetime | None = None
    until: datetime | None = None
    request_id: UUID | None = None
    after: Place | None = None
    before: Place | None = None
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, query: Mapping[str, str], time_zone: str, now: datetime | None = None) -> Asked:
        """What cannot be read is a problem by its field, and filters nothing."""
        kind = REFUSAL if query.get("kind") == REFUSAL else CALL
        given, problems, found = dict[str, str](), dict[str, str](), dict[str, Any]()
        for name in (*LABELS, *_PLACES):
            text = query.get(name, "").strip()
            if not text or (kind == REFUSAL and name in OF_CALLS):
                continue
            try:
                found[name] = _read(name, text, ZoneInfo(time_zone), now or timezone.now())
                given[name] = text
            except InputError as error:
                problems[name] = error.message
        since = found.get("since") or found.get("last")
        kept = {name: text for name, text in given.items() if name not in (*_PLACES, "request_id")}
        plain = {name: found.get(name) for name in ("until", "request_id", *_PLACES)}
        return cls(kind, kept, since=since, problems=problems, **plain)

    @property
    def filtered(self) -> bool:
        return bool(self.given)

    @property
    def query(self) -> str:
        """The address of the first page of the same."""
        return self.address()

    def address(self, leave_out: str = "", **more: str) -> str:
        kind = {"kind": self.kind} if self.kind != CALL else {}
        kept = {name: text for name, text in self.given.items() if name != leave_out}
        return urlencode(kind | kept | more)

    def chips(self) -> list[Chip]:
        return [
            Chip(LABELS[name], _shown(name, text), self.address(leave_out=name))
            for name, text in self.given.items()
        ]

    def wanted(self) -> dict[str, Any]:
        """Of each entry, within the organization's scope. InputError for a key that is none."""
        names = ("project", "model", "account", "status", "code", "end_user")
        found: dict[str, Any] = {name: self.given[name] for name in names if name in self.given}
        if "key" in self.given:
            found["key_id__in"] = keys_named(self.given["key"])
        if "tag" in self.given:
            name, _, value = self.given["tag"].partition("=")
            found["detail__contains"] = {"tags": {name: value}}
        return {"kind": self.kind, **found}


def place_text(there: Place) -> str:
    return f"{to_us(there.at)}.{there.seq}"


def _read(name: str, text: str, zone: ZoneInfo, now: datetime) -> Any:
    match name:
        case "last":
            if text not in SPANS:
                raise InputError(name, f"is none of {', '.join(SPANS)}")
            return now - SPANS[text][1]
        case "since" | "until":
            return moment(name, text, zone)
        case "request_id":
            return _uuid(text)
        case "after" | "before":
            return place(name, text)
        case "status":
            if text not in STATUSES:
                raise InputError(name, f"is none of {', '.join(STATUSES)}")
        case _:
            _check_text(name, text)
    return text


def _check_text(name: str, text: str) -> None:
    most = TEXTS[name][1]
    if len(text) > most or not text.isprintable():
        raise InputError(name, f"must be printable text of at most {most} characters")
    if name == "tag" and "=" not in text:
        raise InputError(name, "must be written name=value")


def moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(name, "is no time: write it as 2026-11-30 or 2026-11-30T14:00") from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InputError(
            "request_id", "is no id: it is the x-orbit-request-id of an answer, or the request_id of an error"
        ) from None


def place(name: str, text: str) -> Place:
    at, _, seq = text.partition(".")
    try:
        return Place(from_us(int(at)), min(int(seq), 2**63 - 1))
    except (ValueError, OverflowError):
        raise InputError(name, "is no place in this list") from None


def _shown(name: str, text: str) -> str:
    return SPANS[text][0] if name == "last" else STATUSES[text] if name == "status" else text.replace("T", " ") if name in ("since", "until") else text  # fmt: skip
