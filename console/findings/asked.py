"""What is asked of the page of findings, read from its address, and the addresses that lead on from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from console.figures.spans import CHOICES, Span
from console.figures.view import Choice
from dlp.policy import Action
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from quotas.findings.report import narrowed as kept_by

WORDS = ("range", "from", "to", "project", "type", "direction", "action")
NARROWED = ("project", "type", "direction", "action")
DIRECTIONS = {"request": "Requests", "answer": "Answers"}
REFUSED = {"direction": "request", "action": "block"}  # what never became a call
_KNOWN = {"direction": tuple(DIRECTIONS), "action": tuple(str(one) for one in Action)}


@dataclass(frozen=True, slots=True)
class Asked:
    """`narrowed` holds words as they were asked for, `only` what sums are kept by."""

    span: Span
    narrowed: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, Any] = field(default_factory=dict)


def asked(query: Mapping[str, str], span: Span) -> Asked:
    """InputError names what is wrong."""
    narrowed = {name: query[name] for name in NARROWED if query.get(name)}
    for name, known in _KNOWN.items():
        if name in narrowed and narrowed[name] not in known:
            raise InputError(name, f"{narrowed[name]!r} is not known", f"choose one of {', '.join(known)}")
    return Asked(span, narrowed, kept_by(narrowed))


@dataclass(frozen=True, slots=True)
class Links:
    """`query` is what the page was asked for. No link leads to calls that one may not see."""

    slug: str
    query: Mapping[str, str]
    asked: Asked
    sees_calls: bool

    @property
    def page(self) -> str:
        return reverse("findings", args=[self.slug])

    def with_(self, **changed: str) -> str:
        """The same page, asked for something else; an empty text leaves a word out."""
        query = {name: value for name, value in {**self.query, **changed}.items() if value}
        return f"{self.page}?{urlencode(query)}" if query else self.page

    def csv(self, of: str) -> str:
        return f"{reverse('findings_csv', args=[self.slug])}?{urlencode({**self.query, 'of': of})}"

    def calls(self, since: datetime, until: datetime, **found_by: str) -> str:
        """Empty where one may not see them. They are found by project and type, and those that were refused apart."""
        words = {**self.asked.narrowed, **found_by}
        how = {name: words[name] for name in ("direction", "action") if name in words}
        if not self.sees_calls or how not in ({}, REFUSED):
            return ""
        found = {"kind": "refusal"} if how else {}
        found |= {"since": rfc3339(since), "until": rfc3339(until), "finding": words.get("type", "*")}
        if "project" in words:
            found["project"] = words["project"]
        return f"{reverse('calls', args=[self.slug])}?{urlencode(found)}"

    def all_calls(self, **found_by: str) -> str:
        """Of the whole span."""
        return self.calls(self.asked.span.since, self.asked.span.until, **found_by)

    def ranges(self) -> list[Choice]:
        now = self.asked.span.name
        return [
            Choice(name, title, self.with_(**{"range": name, "from": "", "to": ""}), name == now)
            for name, title in CHOICES.items()
            if name != "custom"
        ]

    def narrowed(self) -> list[Choice]:
        """What the figures are of, each with the way back to all."""
        return [
            Choice(name, value, self.with_(**{name: ""}), True) for name, value in self.asked.narrowed.items()
        ]
