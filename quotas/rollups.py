"""Sums of each quarter of an hour, written by the ledger's writer in its own transaction.

Quarters of UTC add up to the days of every time zone. The same sums are kept four times: by object and quarter, by object
and day of UTC, of the organization as a whole by quarter, and by what calls say of themselves (`quotas.facets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any

from django.db import connections
from psycopg import sql

from audit.events import Row
from orbit.lib import arrays
from quotas import facets, histogram
from quotas.models import DirtyBucket

SUMS = (
    "requests", "refused", "failed", "input_tokens", "output_tokens", "cost_nano", "estimated_requests",
    "unpriced_requests", "durations", "first_tokens",
)  # fmt: skip
HISTOGRAMS = ("durations", "first_tokens")
KEY = ("organization_id", "starts_at", "project_id", "key_id", "account_id", "model", "currency")
MEASURED = ("provider",)  # usage sources that are the provider's own final word
QUARTER = timedelta(minutes=15)
NEEDED = (
    "kind", "organization_id", "admitted_at", "project_id", "key_id", "account_id", "model", "currency", "status",
    "usage_source", "input_tokens", "output_tokens", "cost_nano", "count", "detail", "end_user", "code", "limit",
    "duration_ms", "first_token_ms",
)  # fmt: skip
_TYPES = {
    "organization_id": "uuid", "starts_at": "timestamptz", "project_id": "uuid", "key_id": "uuid", "account_id": "uuid",
    **dict.fromkeys(HISTOGRAMS, "text"),  # such long numbers travel as text
    **dict.fromkeys(("model", "currency", "facet", "value"), "text"),
}  # fmt: skip

Sums = dict[tuple[Any, ...], list[int]]  # the figures in the order of SUMS, by the values of a table's key


@dataclass(frozen=True)
class Table:
    name: str
    key: tuple[str, ...]

    def statement(self) -> sql.Composed:
        columns = (*self.key, *SUMS)
        given = [
            sql.SQL("{}::numeric" if name in HISTOGRAMS else "{}").format(sql.Identifier(name))
            for name in columns
        ]
        return sql.SQL(
            "INSERT INTO {table} AS b ({columns}) SELECT {given} FROM unnest({arrays}) AS added ({columns})"
            " ON CONFLICT ({key}) DO UPDATE SET {sums}"
        ).format(
            table=sql.Identifier(self.name),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            given=sql.SQL(", ").join(given),
            arrays=sql.SQL(", ").join(sql.SQL(f"%s::{_TYPES.get(name, 'bigint')}[]") for name in columns),
            key=sql.SQL(", ").join(map(sql.Identifier, self.key)),
            sums=sql.SQL(", ").join(
                sql.SQL("{0} = b.{0} + excluded.{0}").format(sql.Identifier(name)) for name in SUMS
            ),
        )

    def add(self, found: Sums) -> None:
        """All rows in one statement. Each key is there once, as ON CONFLICT demands."""
        if not found:
            return
        columns = [*zip(*found, strict=True), *zip(*found.values(), strict=True)]
        texts = [
            arrays.written([histogram.written(one) for one in column] if name in HISTOGRAMS else column)
            for name, column in zip((*self.key, *SUMS), columns, strict=True)
        ]
        with connections["ledger"].cursor() as cursor:
            cursor.execute(_STATEMENTS[self.name], texts)


QUARTERS = Table("quotas_usagebucket", KEY)
DAYS = Table("quotas_usageday", KEY)
TOTALS = Table("quotas_usagetotal", ("organization_id", "starts_at", "currency"))
FACETS = Table(
    "quotas_usagefacet", ("organization_id", "facet", "starts_at", "project_id", "value", "currency")
)
TABLES = (QUARTERS, DAYS, TOTALS, FACETS)
_STATEMENTS = {table.name: table.statement() for table in TABLES}


def bucket_start(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def day_start(moment: datetime) -> datetime:
    """Of the day of UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def counts(row: Row) -> bool:
    """Whether rollups count a row of the ledger. An adjustment need not be of any key."""
    return row["kind"] == "adjustment" or (row["kind"] != "act" and row["key_id"] is not None)


def figures(row: Row) -> list[int]:
    """What one row of the ledger adds, in the order of SUMS."""
    kind = row["kind"]
    call = kind == "call"
    refused = kind == "refusal" and not row["detail"].get("shadow")
    took, first = row["duration_ms"], row["first_token_ms"]
    settled = call and row["status"] == "settled"  # how long others took says when they were ended
    return [
        int(call),
        (row["count"] or 0) if refused else 0,
        int(call and row["status"] == "provider_failed"),
        row["input_tokens"] or 0,
        row["output_tokens"] or 0,
        row["cost_nano"] or 0,
        int(call and row["usage_source"] not in MEASURED),
        int(call and row["cost_nano"] is None and row["status"] != "provider_failed"),
        histogram.unit(took) if settled and took is not None else 0,
        histogram.unit(first) if call and first is not None else 0,
    ]


@dataclass(frozen=True, slots=True)
class _Counted:
    """A row that rollups count, and when and what it adds."""

    row: Row
    start: datetime
    figures: list[int]


def _counted(rows: Sequence[Row]) -> list[_Counted]:
    return [_Counted(row, bucket_start(row["admitted_at"]), figures(row)) for row in rows if counts(row)]


def sums(rows: Sequence[Row]) -> Sums:
    """What rows of the ledger add to each quarter of an hour of each object."""
    return _by_object(_counted(rows))


def _by_object(rows: Sequence[_Counted]) -> Sums:
    found: Sums = {}
    for one in rows:
        row = one.row
        identity = (
            row["organization_id"], one.start, row["project_id"], row["key_id"], row["account_id"],
            row["model"] or "", row["currency"] or "",
        )  # fmt: skip
        _add(found, identity, one.figures)
    return found


def _add(found: Sums, identity: tuple[Any, ...], more: list[int]) -> None:
    held = found.get(identity)
    if held is None:
        found[identity] = more.copy()
    else:
        held[:] = map(add, held, more)


def apply(rows: Sequence[Row]) -> None:
    counted = _counted(rows)
    by_object = _by_object(counted)
    by_day, whole = coarser(by_object)
    QUARTERS.add(by_object)
    DAYS.add(by_day)
    TOTALS.add(whole)
    FACETS.add(_by_facet(counted))


def coarser(by_object: Sums) -> tuple[Sums, Sums]:
    """The same by day, and of organizations as a whole."""
    by_day: Sums = {}
    whole: Sums = {}
    for identity, held in by_object.items():
        organization_id, start, *rest = identity
        _add(by_day, (organization_id, day_start(start), *rest), held)
        _add(whole, (organization_id, start, identity[-1]), held)
    return by_day, whole


def by_facet(rows: Sequence[Row]) -> Sums:
    """What rows add to what calls say of themselves."""
    return _by_facet(_counted(rows))


def _by_facet(rows: Sequence[_Counted]) -> Sums:
    places: dict[tuple[Any, ...], Sums] = {}
    days: dict[facets.Day, dict[facets.Pair, None]] = {}
    said: list[tuple[_Counted, facets.Said, facets.Day, Sums]] = []
    for one in rows:
        row = one.row
        if found := facets.said(row):
            where = (row["organization_id"], one.start, row["project_id"], row["currency"] or "")
            day = (row["organization_id"], one.start.date())
            days.setdefault(day, {}).update(dict.fromkeys(found))
            said.append((one, found, day, places.setdefault(where, {})))
    hidden = facets.not_told_apart(days)
    for one, found, day, place in said:
        for pair in facets.shown(found, hidden[day]) if day in hidden else found:
            _add(place, pair, one.figures)
    return {
        (organization_id, facet, start, project_id, value, currency): held
        for (organization_id, start, project_id, currency), place in places.items()
        for (facet, value), held in place.items()
    }


def failed(rows: Sequence[Row], error: Exception) -> None:
    """Remembers which buckets the ledger is ahead of."""
    dirty = {(row["organization_id"], bucket_start(row["admitted_at"])) for row in rows}
    DirtyBucket.objects.bulk_create(
        [DirtyBucket(organization_id=one, starts_at=start, reason=str(error)[:500]) for one, start in dirty],
        ignore_conflicts=True,
    )
