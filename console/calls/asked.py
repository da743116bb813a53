"""What is asked of the list of calls: an address that can be shared, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from audit.models import Event
from audit.reading import Place
from console import filters
from console.filters import Filters, Reader
from orbit.lib.errors import InputError
from quotas.reports import keys_named

CALL, REFUSAL = Event.Kind.CALL, Event.Kind.REFUSAL
STATUSES = {
    "settled": "settled",
    "provider_failed": "provider failed",
    "client_gone": "client gone",
    "lease_expired": "lease expired",
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
    "finding": ("Finding", 256),
}
# Refusals, being counted by the minute, have none of these.
OF_CALLS = ("account", "status", "end_user", "tag")
ANY = "*"  # finding
LABELS = {name: label for name, (label, _) in TEXTS.items()} | {
    "last": "When", "since": "From", "until": "Until", "status": "Status", "request_id": "Request id",
}  # fmt: skip
_ID = "it is the x-orbit-request-id of an answer, or the request_id of an error"


@dataclass(frozen=True, slots=True)
class Asked(Filters):
    """`after` goes on to older entries, `before` to newer ones."""

    since: datetime | None = None
    until: datetime | None = None
    request_id: UUID | None = None
    after: Place | None = None
    before: Place | None = None
    problems: dict[str, str] = field(default_factory=dict)

    USUAL: ClassVar = CALL
    LABELS: ClassVar = LABELS
    WORDS: ClassVar = {"status": STATUSES, "finding": {ANY: "any"}}

    @classmethod
    def read(cls, query: Mapping[str, str], time_zone: str, now: datetime | None = None) -> Asked:
        """What cannot be read is a problem by its field, and filters nothing."""
        kind = REFUSAL if query.get("kind") == REFUSAL else CALL
        readers = _readers(ZoneInfo(time_zone), now or timezone.now())
        if kind == REFUSAL:
            readers = {name: reader for name, reader in readers.items() if name not in OF_CALLS}
        read = filters.read(query, readers)
        one_place = ("request_id", *filters.PLACES)
        kept = {name: text for name, text in read.given.items() if name not in one_place}
        found = {name: read.found.get(name) for name in ("until", *one_place)}
        return cls(kind, kept, since=read.since, problems=read.problems, **found)

    @property
    def filtered(self) -> bool:
        return bool(self.given)

    def wanted(self) -> dict[str, Any]:
        """Of each entry, within the organization's scope. InputError for a key that is none."""
        names = ("project", "model", "account", "status", "code", "end_user")
        found: dict[str, Any] = {name: self.given[name] for name in names if name in self.given}
        if "key" in self.given:
            found["key_id__in"] = keys_named(self.given["key"])
        if detail := self._detail():
            found["detail__contains"] = detail
        if self.given.get("finding") == ANY:
            found["detail__dlp__has_key"] = "findings"
        return {"kind": self.kind, **found}

    def _detail(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "tag" in self.given:
            name, _, value = self.given["tag"].partition("=")
            found["tags"] = {name: value}
        if self.given.get("finding", ANY) != ANY:
            found["dlp"] = {"findings": [{"type": self.given["finding"]}]}
        return found


def _readers(zone: ZoneInfo, now: datetime) -> dict[str, Reader]:
    return {
        **{name: filters.words(name, most) for name, (_, most) in TEXTS.items()},
        "tag": _tag,
        **filters.times(zone, now),
        "status": _status,
        "request_id": filters.identifier("request_id", _ID),
        **filters.places(),
    }


def _status(text: str) -> str:
    if text not in STATUSES:
        raise InputError("status", f"is none of {', '.join(STATUSES)}")
    return text


def _tag(text: str) -> str:
    filters.words("tag", TEXTS["tag"][1])(text)
    if "=" not in text:
        raise InputError("tag", "must be written name=value")
    return text
