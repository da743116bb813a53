"""What the page shows, read from the rollups in a fixed number of queries. Runs in the organization's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from console.figures.reading import Moment
from console.findings.asked import Asked
from quotas.findings import reading
from quotas.findings.reading import Row
from tenants.models import Project

SHOWN = 20  # of a breakdown
MOST_ROWS = 10_000  # of a download
_DONE = {
    "block": "blocked",
    "mask": "replaced",
    "hash": "replaced",
    "tokenize": "replaced",
    "log": "logged",
}
FIGURES = ("blocked", "replaced", "logged", "reported")  # the last by rules in shadow


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a breakdown. `value` is how it is narrowed to; None for all others together."""

    label: str
    value: str | None
    findings: int
    false_positives: int = 0


def done(row: Row) -> str:
    """Of FIGURES."""
    return "reported" if row["shadow"] else _DONE.get(row["action"], "logged")


def moments(asked: Asked) -> list[Moment]:
    """Every hour or day of the span, also those in which nothing was found."""
    step = asked.span.step
    found: dict[Any, dict[str, int]] = {}
    for row in reading.read(_asked(asked, step, "action", "shadow")):
        sums = found.setdefault(row[step], dict.fromkeys(FIGURES, 0))
        sums[done(row)] += row["findings"]
    nothing = dict.fromkeys(FIGURES, 0)
    return [Moment(start, end, found.get(at, nothing), None) for start, end, at in _places(asked)]


def _places(asked: Asked) -> Iterator[tuple[Any, Any, Any]]:
    span = asked.span
    if span.step == "day":
        for day in span.days:
            yield *span.day(day), day
        return
    at = span.since
    while at < span.end:
        yield at, at + timedelta(hours=1), at
        at += timedelta(hours=1)


def whole(asked: Asked) -> Row:
    """In all."""
    return reading.read(_asked(asked))[0]


def by_type(asked: Asked, all_of_them: Row, most: int = SHOWN) -> list[Group]:
    rows = reading.read(_asked(asked, "type", most=most))
    shown = [Group(row["type"], row["type"], row["findings"], row["false_positives"]) for row in rows]
    return _with_rest(shown, all_of_them)


def by_project(asked: Asked, all_of_them: Row, most: int = SHOWN) -> list[Group]:
    rows = reading.read(_asked(asked, "project", most=most))
    wanted = [row["project"] for row in rows]
    names: dict[UUID, str] = dict(Project.objects.filter(pk__in=wanted).values_list("pk", "slug"))
    shown = [
        Group(names.get(row["project"], str(row["project"])), names.get(row["project"]), row["findings"])
        for row in rows
    ]
    return _with_rest(shown, {**all_of_them, "false_positives": 0})


def by_what_was_done(asked: Asked) -> list[Row]:
    """By direction, action and whether the rule was in shadow; the greatest first."""
    return [row for row in reading.read(_asked(asked, "direction", "action", "shadow")) if row["findings"]]


def _with_rest(shown: list[Group], all_of_them: Mapping[str, Any]) -> list[Group]:
    left = all_of_them["findings"] - sum(one.findings for one in shown)
    wrong = all_of_them["false_positives"] - sum(one.false_positives for one in shown)
    return [*shown, Group("Others", None, left, wrong)] if left or wrong else shown


def _asked(asked: Asked, *by: str, most: int | None = None) -> reading.Asked:
    span = asked.span
    return reading.Asked(span.since, span.until, by, asked.only, str(span.zone), most)
