"""Filters that stand in an address: read strictly, shown in words, written back so that it can be shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from audit.reading import Place
from orbit.lib.clock import from_us, to_us
from orbit.lib.errors import InputError

SPANS = {
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(days=1)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
PLACES = ("after", "before")

Reader = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in words, and the address without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True, slots=True)
class Filters:
    """`given` are the filters as they stand in the address, which names the kind where it is not the usual one."""

    kind: str
    given: dict[str, str]

    USUAL: ClassVar[str]
    LABELS: ClassVar[Mapping[str, str]]
    WORDS: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    @property
    def query(self) -> str:
        """The address of the first page of the same."""
        return self.address()

    def address(self, leave_out: str = "", **more: str) -> str:
        kind = {"kind": str(self.kind)} if self.kind != self.USUAL else {}
        kept = {name: text for name, text in self.given.items() if name != leave_out}
        return urlencode(kind | kept | more)

    def chips(self) -> list[Chip]:
        return [
            Chip(self.LABELS[name], self._shown(name, text), self.address(leave_out=name))
            for name, text in self.given.items()
        ]

    def _shown(self, name: str, text: str) -> str:
        if name == "last":
            return SPANS[text][0]
        if name in ("since", "until"):
            return text.replace("T", " ")
        return self.WORDS.get(name, {}).get(text, text)


@dataclass(frozen=True, slots=True)
class Read:
    """Of each filter by its name: its text, what it means, or why it cannot be read, in words."""

    given: dict[str, str]
    found: dict[str, Any]
    problems: dict[str, str]

    @property
    def since(self) -> datetime | None:
        return self.found.get("since") or self.found.get("last")


def read(query: Mapping[str, str], readers: Mapping[str, Reader]) -> Read:
    """What cannot be read filters nothing."""
    answer = Read({}, {}, {})
    for name, reader in readers.items():
        text = query.get(name, "").strip()
        if text:
            try:
                answer.found[name] = reader(text)
                answer.given[name] = text
            except InputError as error:
                answer.problems[name] = error.message
    return answer


def times(zone: ZoneInfo, now: datetime) -> dict[str, Reader]:
    def last(text: str) -> datetime:
        if text not in SPANS:
            raise InputError("last", f"is none of {', '.join(SPANS)}")
        return now - SPANS[text][1]

    return {
        "last": last,
        "since": lambda text: _moment("since", text, zone),
        "until": lambda text: _moment("until", text, zone),
    }


def places() -> dict[str, Reader]:
    return {"after": lambda text: _place("after", text), "before": lambda text: _place("before", text)}


def words(name: str, most: int) -> Reader:
    def reader(text: str) -> str:
        if len(text) > most or not text.isprintable():
            raise InputError(name, f"must be printable text of at most {most} characters")
        return text

    return reader


def identifier(name: str, what_it_is: str) -> Reader:
    def reader(text: str) -> UUID:
        try:
            return UUID(text)
        except ValueError:
            raise InputError(name, f"is no id: {what_it_is}") from None

    return reader


def place_text(there: Place) -> str:
    return f"{to_us(there.at)}.{there.seq}"


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(name, "is no time: write it as 2026-11-30 or 2026-11-30T14:00") from None


def _place(name: str, text: str) -> Place:
    at, _, seq = text.partition(".")
    try:
        return Place(from_us(int(at)), min(int(seq), 2**63 - 1))
    except (ValueError, OverflowError):
        raise InputError(name, "is no place in this list") from None
