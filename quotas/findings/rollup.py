"""Sums of findings, written by the ledger's writer in its own transaction.

Kept by the quarter of an hour and by the day of UTC, by project and of the organization as a whole, by type and direction and
of all types and directions: what pages ask for most is in few rows. Types are the
policies' words: each day (UTC) of an organization tells the first ORBIT_ROLLUP_VALUES apart, all others share OTHER.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from audit.events import Row
from orbit.lib import arrays
from quotas import facets
from quotas.facets import OTHER, Day
from quotas.rollups import bucket_start, day_start
from tenants.services.false_positives import FALSE_POSITIVE

FACET = "finding"  # under which the types that are told apart are kept
KEY = ("organization_id", "starts_at", "project_id", "kind", "direction", "action", "shadow")
FIGURES = ("findings", "false_positives")
QUARTERS, DAYS = "quotas_findingbucket", "quotas_findingday"
TOGETHER = ""  # in the place of a type and a direction
ADD = """
INSERT INTO {} AS b (organization_id, starts_at, project_id, kind, direction, action, shadow, findings, false_positives)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::bigint[], %s::bigint[])
ON CONFLICT (organization_id, starts_at, project_id, kind, direction, action, shadow) DO UPDATE
SET findings = b.findings + excluded.findings, false_positives = b.false_positives + excluded.false_positives"""

What = tuple[str, str, str, bool]  # type, direction, action, shadow
Found = tuple[What, int, int]  # and its figures
Key = tuple[UUID, datetime, UUID | None, str, str, str, bool]
Sums = dict[Key, list[int]]


def apply(rows: Sequence[Row]) -> None:
    found = sums(rows)
    add(QUARTERS, found)
    add(DAYS, by_day(found))


def said(row: Row) -> list[Found]:
    """What one row of the ledger tells of findings."""
    kind, detail = row["kind"], row["detail"]
    if kind == "act":
        return _of_act(detail) if detail.get("action") == FALSE_POSITIVE else []
    told = detail.get("dlp")
    if not isinstance(told, Mapping):
        return []
    found = [_of(one) for one in told.get("findings") or ()]
    if kind == "correction":  # the lapsed call's own event has what was found in its request
        return [one for one in found if one[0][1] == "answer"]
    times = (row["count"] or 1) if kind == "refusal" else 1
    return [(what, count * times, 0) for what, count, _ in found]


def sums(rows: Iterable[Row]) -> Sums:
    """By quarter of an hour; `project_id` None is all projects together, and what is of no project. Each finding is also
    in the sums of all types and directions TOGETHER."""
    told = [
        (row, found)
        for row in rows
        if ("dlp" in row["detail"] or row["kind"] == "act") and (found := said(row))
    ]
    hidden = _hidden(told)
    made: Sums = {}
    for row, found in told:
        organization_id, start = row["organization_id"], bucket_start(row["admitted_at"])
        left_out = hidden.get((organization_id, start.date()), set())
        for (kind, direction, *done), *figures in found:
            shown = OTHER if (FACET, kind) in left_out else kind
            for project_id in {None, row["project_id"]}:
                where = (organization_id, start, project_id)
                _add(made, (*where, shown, direction, *done), figures)
                _add(made, (*where, TOGETHER, TOGETHER, *done), figures)
    return made


def by_day(found: Sums) -> Sums:
    made: Sums = {}
    for (organization_id, start, *rest), figures in found.items():
        _add(made, (organization_id, day_start(start), *rest), figures)
    return made


def add(table: str, found: Sums) -> None:
    """All rows in one statement. Each key is there once, as ON CONFLICT demands."""
    if not found:
        return
    columns = [*zip(*found, strict=True), *zip(*found.values(), strict=True)]
    with connections["ledger"].cursor() as cursor:
        cursor.execute(ADD.format(table), [arrays.written(column) for column in columns])


def _of(one: Mapping[str, Any]) -> Found:
    what = (str(one["type"])[:256], str(one["direction"]), str(one["action"]), bool(one.get("shadow")))
    return what, int(one["count"]), 0


def _of_act(detail: Mapping[str, Any]) -> list[Found]:
    after = detail.get("after") or {}
    return [((str(after["type"])[:256], "", "", False), 0, 1)] if after.get("type") else []


def _hidden(told: Sequence[tuple[Row, list[Found]]]) -> dict[Day, set[facets.Pair]]:
    days: dict[Day, dict[facets.Pair, None]] = {}
    for row, found in told:
        day = (row["organization_id"], bucket_start(row["admitted_at"]).date())
        days.setdefault(day, {}).update(dict.fromkeys((FACET, what[0]) for what, *_ in found))
    return facets.not_told_apart(days)


def _add(made: Sums, key: Any, figures: Sequence[int]) -> None:
    held = made.setdefault(key, [0, 0])
    held[0] += figures[0]
    held[1] += figures[1]
