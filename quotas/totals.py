"""What was used in a span: in all, and by what it is grouped by. Reports, pages and the management API show these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from orbit.lib.errors import InputError
from quotas import facets, histogram, sums
from quotas.rollups import bucket_start
from quotas.sums import FACET_NAMES, OBJECTS, Asked, Only, Row

GROUPS = (*OBJECTS, *FACET_NAMES, "day")
WITH_FACETS = ("project", "day")  # what end users, tags, codes and limits are kept by
SHOWN = (
    "requests", "refused", "failed", "input_tokens", "output_tokens", "cost_nano", "estimated_requests",
    "unpriced_requests",
)  # fmt: skip
_PARTS = {"p50": 0.5, "p95": 0.95}
_COLUMNS = {
    column: tuple(f"{name}_{word}_ms" for word in _PARTS)
    for name, column in (("duration", "durations"), ("first_token", "first_tokens"))
}
TIMES = tuple(name for names in _COLUMNS.values() for name in names)


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums of a span and one row for each group; `rows` name the group by id, and None is nobody or nothing."""

    totals: Row
    rows: list[Row] = field(default_factory=list)


def totals(
    since: datetime,
    until: datetime,
    by: Sequence[str] = (),
    *,
    time_zone: str = "UTC",
    only: Only | None = None,
    most_rows: int | None = None,
) -> Usage:
    """Of the organization in scope over [since, until), both rounded down to a quarter of an hour.

    `by` takes GROUPS, with days of `time_zone`; `only` names columns and the values to sum. A call has several tags,
    so rows by tag add up to more than the whole. InputError when there were more than `most_rows`, and for what is not
    kept together.
    """
    asked = Asked(bucket_start(since), bucket_start(until), (), only or {}, time_zone)
    together(by, asked.only)
    (whole,) = sums.read(asked)
    if not by:
        return Usage(whole)
    grouped = replace(asked, by=tuple(by), most=None if most_rows is None else most_rows + 1)
    rows = sums.read(grouped)
    if grouped.facet in facets.ENDLESS:
        rows += unsaid(grouped, rows)
    if most_rows is not None and len(rows) > most_rows:
        raise InputError("by", f"makes more than {most_rows} rows", "ask for less time, or for one project")
    return Usage(whole, rows)


def together(by: Sequence[str], only: Only) -> None:
    """InputError when sums are not kept by all of this at once."""
    facet = next((name for name in by if name in FACET_NAMES), None)
    if facet is None:
        return
    for name in by:
        if name not in (facet, *WITH_FACETS):
            raise InputError("by", f"{facet} and {name} are not summed together", f"drop {name}")
    for name, column in OBJECTS.items():
        if name != "project" and column in only:
            raise InputError("by", f"{facet} is not summed for one {name}", "narrow to a project, or to none")


def unsaid(asked: Asked, rows: Sequence[Row]) -> list[Row]:
    """Groups for the calls that name no end user, or carry no tag: the whole without those that do."""
    rest = tuple(name for name in asked.by if name != asked.facet)
    whole = sums.read(replace(asked, by=rest, most=None))
    if asked.facet == facets.TAG:
        rows = sums.read(replace(asked, by=(facets.TAGGED, *rest), most=None))
    said: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        said.setdefault(tuple(row[name] for name in rest), []).append(row)
    found = []
    for row in whole:
        group = {name: row[name] for name in rest}
        left = sums.without(row, sums.added(said.get(tuple(group.values()), []), asked.names))
        if any(left.values()):
            found.append({**group, str(asked.facet): None, **left})
    return found


def times(row: Row) -> dict[str, int | None]:
    """Percentiles of how long calls took and of when their first token came, in milliseconds."""
    return {
        name: time
        for column, names in _COLUMNS.items()
        for name, time in zip(names, histogram.percentiles(row[column], tuple(_PARTS.values())), strict=True)
    }
