"""Sums of findings read back. Whole days of UTC are read as such and only what is finer by the quarter of an hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connections
from psycopg import sql

from orbit.lib import access
from quotas.findings.rollup import DAYS, FIGURES, QUARTERS
from quotas.rollups import day_start

# By the name of a group: its column.
GROUPS = {
    "type": "kind",
    "project": "project_id",
    "direction": "direction",
    "action": "action",
    "shadow": "shadow",
}
TIMES = ("day", "hour")
Row = dict[str, Any]  # by the names that it is grouped by, and of FIGURES


@dataclass(frozen=True, slots=True)
class Asked:
    """Sums over [since, until), which are quarters of an hour, for each group of `by`, the greatest first.

    `by` takes GROUPS, `day` (of `time_zone`) and `hour` (counted from `since`). `only` names groups and the one value to
    sum. False alarms are of no project, direction and action: with one of these in `only` there are none.
    """

    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    only: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "UTC"
    most: int | None = None

    @property
    def by_utc(self) -> bool:
        """Whether days of UTC are fine enough."""
        return "hour" not in self.by and ("day" not in self.by or self.time_zone == "UTC")


def read(asked: Asked) -> list[Row]:
    """Of the organization in scope. One row of zeros when there is nothing and nothing to group by."""
    values: list[Any] = []
    groups = [_group(asked, name, values) for name in asked.by]
    columns = [*groups, *(sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier(one)) for one in FIGURES)]
    parts = [_part(asked, *part, values) for part in _parts(asked)]
    query = sql.SQL("SELECT {} FROM ({}) AS part").format(
        sql.SQL(", ").join(columns), sql.SQL(" UNION ALL ").join(parts)
    )
    if groups:
        places = sql.SQL(", ").join(sql.Literal(at + 1) for at in range(len(groups)))
        first = sql.Literal(len(groups) + 1)
        query += sql.SQL(" GROUP BY {0} ORDER BY {1} DESC, {0}").format(places, first)
    if asked.most is not None:
        query += sql.SQL(" LIMIT {}").format(sql.Literal(asked.most))
    with connections["default"].cursor() as cursor:
        cursor.execute(query, values)
        names = (*asked.by, *FIGURES)
        return [_row(names, found) for found in cursor.fetchall()]


def _row(names: tuple[str, ...], found: tuple[Any, ...]) -> Row:
    row = dict(zip(names, found, strict=True))
    return row | {name: int(row[name]) for name in FIGURES}


def _group(asked: Asked, name: str, values: list[Any]) -> sql.Composable:
    if name == "day":
        values.append(asked.time_zone)
        return sql.SQL("(starts_at AT TIME ZONE %s::text)::date")
    if name == "hour":
        values.append(asked.since)
        return sql.SQL("date_bin('1 hour', starts_at, %s::timestamptz)")
    return sql.Identifier(GROUPS[name])


def _parts(asked: Asked) -> list[tuple[str, datetime, datetime]]:
    """Which tables make up the span, each over [since, until)."""
    since, until = asked.since, asked.until
    first, last = day_start(since + timedelta(days=1, microseconds=-1)), day_start(until)
    if first >= last or not asked.by_utc:
        return [(QUARTERS, since, until)]
    parts = [(QUARTERS, since, first), (DAYS, first, last), (QUARTERS, last, until)]
    return [part for part in parts if part[1] < part[2]]


def _part(asked: Asked, table: str, since: datetime, until: datetime, values: list[Any]) -> sql.Composable:
    """Row-level security says once more whose rows these are."""
    tests = ["organization_id = %s::uuid", "starts_at >= %s::timestamptz", "starts_at < %s::timestamptz"]
    values += access.organization_id(), since, until
    if "project" not in asked.only:  # all projects have a row of their own
        tests.append("project_id IS NOT NULL" if "project" in asked.by else "project_id IS NULL")
    apart = {"type", "direction"} & {*asked.by, *asked.only}
    tests.append("kind <> ''" if apart else "kind = ''")  # as the indexes are divided
    kept = {name: value for name, value in asked.only.items() if name in GROUPS}
    values += kept.values()
    return sql.SQL("SELECT * FROM {} WHERE {}").format(
        sql.Identifier(table),
        sql.SQL(" AND ").join(
            [*map(sql.SQL, tests), *(sql.SQL("{} = %s").format(sql.Identifier(GROUPS[one])) for one in kept)]
        ),
    )
