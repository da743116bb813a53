"""Sums read from the rollups, each from the smallest table that has them.

Of the organization as a whole there is one row a quarter; of spans of days, whole days of UTC are read as such and only the
ends by the quarter, so that the days of every time zone come out right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from django.db import connections
from psycopg import sql

from orbit.lib import access
from quotas import facets
from quotas.rollups import DAYS, FACETS, HISTOGRAMS, QUARTERS, SUMS, TOTALS, Table, day_start

OBJECTS = {"project": "project_id", "key": "key_id", "model": "model", "account": "account_id"}
FACET_NAMES = (facets.END_USER, facets.TAG, facets.CODE, facets.LIMIT)
DATES = ("day", "week", "month")  # of the time zone; weeks and months by their first day

_FEW = 1_000  # keys that are looked up one by one sooner than all are read
CONVERTED = ("converted_nano", "unconverted_nano")
Only = Mapping[str, Sequence[Any]]  # columns, and the values of which one must be there
Row = dict[str, Any]  # by the names that it is grouped by, and of SUMS


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a unit of the currency that is asked for is worth in another, from each of these midnights (UTC) on; not empty."""

    since: tuple[datetime, ...]
    rates: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Sums over [since, until), which are quarters of an hour, for each group of `by`.

    `by` takes OBJECTS, `currency`, DATES, `hour` (counted from `since`) and one of FACET_NAMES; together with the
    latter, and in its `only`, of the objects only the project. `most` are the greatest by `order`. `figures` are those
    of SUMS that are wanted. With a `currency`, cost is what is charged in it; with an `exchange` besides, rows also have
    CONVERTED: the same cost in the other currency, exact, and that of times before its first rate.
    """

    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    only: Only = field(default_factory=dict)
    time_zone: str = "UTC"
    order: str = ""
    most: int | None = None
    figures: tuple[str, ...] = SUMS
    currency: str = ""
    week_starts: int = 0  # days after Monday
    month_starts_on: int = 1
    exchange: Exchange | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all figures that rows have."""
        return self.figures if self.exchange is None else (*self.figures, *CONVERTED)

    @property
    def facet(self) -> str | None:
        return next((name for name in self.by if name in facets.ALL), None)

    @property
    def by_time(self) -> bool:
        return "hour" in self.by or bool(set(self.by) & set(DATES))

    @property
    def by_long(self) -> bool:
        """Whether nothing shorter than a week is told apart: then few days of UTC are of two."""
        return not {"day", "hour"} & set(self.by)

    @property
    def by_utc(self) -> bool:
        """Whether whole days of UTC are fine enough."""
        return not self.by_time or (self.time_zone == "UTC" and "hour" not in self.by)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a table in [since, until), those that begin at some moments left out."""

    table: Table
    since: datetime
    until: datetime
    without: tuple[datetime, ...] = ()


class _Statement:
    """SQL, and the values for it in the order of their places."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def value(self, value: Any, kind: LiteralString) -> sql.Composable:
        self.values.append(value)
        return sql.SQL("%s::" + kind)

    def group(self, asked: Asked, name: str) -> sql.Composable:
        if name in DATES:
            return self._date(asked, name)
        if name == "hour":
            return sql.SQL("date_bin('1 hour', starts_at, {})").format(self.value(asked.since, "timestamptz"))
        if name == "currency":
            return sql.Identifier(name)
        return sql.Identifier("value" if name in facets.ALL else OBJECTS[name])

    def _date(self, asked: Asked, name: str) -> sql.Composable:
        day = sql.SQL("(starts_at AT TIME ZONE {})::date").format(self.value(asked.time_zone, "text"))
        if name == "day":
            return day
        if name == "week":
            ahead = sql.SQL("((extract(isodow FROM {})::int + 6 - {}) %% 7)")
            again = sql.SQL("(starts_at AT TIME ZONE {})::date").format(self.value(asked.time_zone, "text"))
            return sql.SQL("({} - {})").format(day, ahead.format(again, sql.Literal(asked.week_starts)))
        late = sql.Literal(asked.month_starts_on - 1)
        return sql.SQL("(date_trunc('month', {} - {})::date + {})").format(day, late, late)

    def figure(self, asked: Asked, name: str) -> sql.Composable:
        added = sql.SQL("sum({})").format(sql.Identifier(name))
        if name == "cost_nano" and asked.currency:
            added += sql.SQL(" FILTER (WHERE currency = {})").format(self.value(asked.currency, "text"))
        return sql.SQL("coalesce({}, 0) AS {}").format(added, sql.Identifier(name))

    def converted(self, asked: Asked, exchange: Exchange) -> list[sql.Composable]:
        """A row of a quarter, or of a day of UTC, is of one day of UTC, and so of one rate."""
        place = "width_bucket(starts_at, {}::timestamptz[])"
        amount = sql.SQL(
            "coalesce(sum(cost_nano * ({}::numeric[])[" + place + "]) FILTER (WHERE currency = {}), 0)"
        ).format(
            self.value(list(exchange.rates), "numeric[]"),
            self.value(list(exchange.since), "timestamptz[]"),
            self.value(asked.currency, "text"),
        )
        left = sql.SQL(
            "coalesce(sum(cost_nano) FILTER (WHERE currency = {} AND " + place + " = 0), 0)"
        ).format(self.value(asked.currency, "text"), self.value(list(exchange.since), "timestamptz[]"))
        named = zip((amount, left), CONVERTED, strict=True)
        return [sql.SQL("{} AS {}").format(one, sql.Identifier(name)) for one, name in named]

    def rows(self, part: _Part, asked: Asked) -> sql.Composable:
        """Of the organization in scope; row-level security says so once more."""
        table = part.table
        tests = [
            sql.SQL("organization_id = {}").format(self.value(access.organization_id(), "uuid")),
            sql.SQL("starts_at >= {}").format(self.value(part.since, "timestamptz")),
            sql.SQL("starts_at < {}").format(self.value(part.until, "timestamptz")),
        ]
        if part.without:
            tests.append(
                sql.SQL("starts_at <> ALL({})").format(self.value(list(part.without), "timestamptz[]"))
            )
        if table is FACETS:
            tests.append(sql.SQL("facet = {}").format(self.value(asked.facet, "text")))
        for column, wanted in asked.only.items():
            kind: LiteralString = "text[]" if column == "model" else "uuid[]"
            tests.append(
                sql.SQL("{} = ANY({})").format(sql.Identifier(column), self.value(list(wanted), kind))
            )
        columns = [column for column in table.key if column not in ("organization_id", "facet")]
        return sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(", ").join(map(sql.Identifier, (*columns, *asked.figures))),
            sql.Identifier(table.name),
            sql.SQL(" AND ").join(tests),
        )


def read(asked: Asked) -> list[Row]:
    """One row of zeros when there is nothing and nothing to group by."""
    statement = _Statement()
    groups = [statement.group(asked, name) for name in asked.by]
    figures: list[sql.Composable] = [statement.figure(asked, name) for name in asked.figures]
    if asked.exchange is not None:
        figures += statement.converted(asked, asked.exchange)
    parts = [statement.rows(part, asked) for part in _parts(asked)]
    places = sql.SQL(", ").join(sql.Literal(at + 1) for at in range(len(groups)))
    query = sql.SQL("SELECT {} FROM ({}) AS part").format(
        sql.SQL(", ").join([*groups, *figures]), sql.SQL(" UNION ALL ").join(parts)
    )
    if groups:
        # Grouped apart from the order and the limit, for whose sake the planner would walk an index row by row.
        query = sql.SQL("SELECT * FROM ({0} GROUP BY {1}) AS grouped ORDER BY {2}{1}").format(
            query,
            places,
            sql.SQL("{} DESC, ").format(sql.Identifier(asked.order)) if asked.order else sql.SQL(""),
        )
    if asked.most is not None:
        query += sql.SQL(" LIMIT {}").format(sql.Literal(asked.most))
    with connections["default"].cursor() as cursor:
        cursor.execute(query, statement.values)
        names = (*asked.by, *asked.names)
        return [_row(names, found, asked.figures) for found in cursor.fetchall()]


def greatest(asked: Asked) -> list[Row]:
    """What `read` answers, for `most` by `order`.

    Of keys there may be tens of thousands: all figures are added up of those alone that are among the greatest.
    """
    if "key" not in asked.by or not asked.order or asked.most is None or asked.most > _FEW:
        return read(asked)
    ranked = read(replace(asked, figures=(asked.order,), exchange=None))
    keys = [row["key"] for row in ranked]
    if None in keys:  # adjustments of no key, which are asked for by no id
        return read(asked)
    rows = read(replace(asked, only={**asked.only, "key_id": keys}, order="", most=None))
    found = {_group(row, asked): row for row in rows}
    return [found[group] for group in (_group(row, asked) for row in ranked) if group in found]


def _group(row: Row, asked: Asked) -> tuple[Any, ...]:
    return tuple(row[name] for name in asked.by)


def _row(names: Sequence[str], found: Sequence[Any], figures: Sequence[str]) -> Row:
    row = dict(zip(names, found, strict=True))
    return row | {name: int(row[name]) for name in figures}


def _parts(asked: Asked) -> list[_Part]:
    """Which rows of which tables make up the span."""
    since, until = asked.since, asked.until
    if asked.facet is not None:
        return [_Part(FACETS, since, until)]
    if not asked.only and not set(asked.by) & set(OBJECTS):
        return [_Part(TOTALS, since, until)]
    first, last = day_start(since + timedelta(days=1, microseconds=-1)), day_start(until)
    if first >= last or not (asked.by_utc or asked.by_long):
        return [_Part(QUARTERS, since, until)]
    turns = [] if asked.by_utc else [day for day in _turns(asked) if first <= day < last]
    days = [_Part(DAYS, first, last, tuple(turns))]
    days += [_Part(QUARTERS, day, day + timedelta(days=1)) for day in turns]
    parts = [_Part(QUARTERS, since, first), *days, _Part(QUARTERS, last, until)]
    return [part for part in parts if part.since < part.until]


def _turns(asked: Asked) -> list[datetime]:
    """The days of UTC in the midst of which a week or month of the time zone begins: their own rows are of both."""
    zone = ZoneInfo(asked.time_zone)
    day, last = asked.since.astimezone(zone).date(), asked.until.astimezone(zone).date()
    found = []
    while day <= last:
        begins = ("week" in asked.by and (day.weekday() - asked.week_starts) % 7 == 0) or (
            "month" in asked.by and day.day == asked.month_starts_on
        )
        moment = datetime.combine(day, time(), zone).astimezone(UTC)
        if begins and moment != day_start(moment):
            found.append(day_start(moment))
        day += timedelta(days=1)
    return list(dict.fromkeys(found))


def added(rows: Sequence[Row], figures: Sequence[str] = SUMS) -> Row:
    """All rows as one."""
    return {name: sum(row[name] for row in rows) for name in figures}


def without(whole: Row, part: Row) -> Row:
    """What is left. Histograms, too: none of their counts is greater in a part than in the whole."""
    return {name: whole[name] - part[name] for name in part}


__all__ = [
    "DATES",
    "FACET_NAMES",
    "HISTOGRAMS",
    "OBJECTS",
    "SUMS",
    "Asked",
    "Exchange",
    "Only",
    "Row",
    "added",
    "greatest",
    "read",
    "without",
]
