"""Sums of each quarter of an hour, written by the ledger's writer in its own transaction.

Quarters of UTC add up to the days of every time zone. The same sums are kept four times: by object and quarter, by object
and day of UTC, of the organization as a whole by quarter, and by what calls say of themselves (`quotas.facets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections
from psycopg import sql

from audit.events import Row
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
            [str(value) for value in column] if name in HISTOGRAMS else list(column)
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
    """Whether rollups count a row of the ledger."""
    return row["kind"] != "act" and row["key_id"] is not None


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


def sums(rows: Sequence[Row]) -> Sums:
    """What rows of the ledger add to each quarter of an hour of each object."""
    found: Sums = {}
    for row in rows:
        if counts(row):
            start = bucket_start(row["admitted_at"])
            identity = (
                row["organization_id"], start, row["project_id"], row["key_id"], row["account_id"],
                row["model"] or "", row["currency"] or "",
            )  # fmt: skip
            _add(found, identity, figures(row))
    return found


def _add(found: Sums, identity: tuple[Any, ...], more: list[int]) -> None:
    held = found.get(identity)
    if held is None:
        found[identity] = list(more)
        return
    for at, figure in enumerate(more):
        held[at] += figure


def apply(rows: Sequence[Row]) -> None:
    by_object = sums(rows)
    by_day, whole = coarser(by_object)
    QUARTERS.add(by_object)
    DAYS.add(by_day)
    TOTALS.add(whole)
    FACETS.add(by_facet(rows))


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
    said = [(row, found) for row in rows if counts(row) and (found := facets.said(row))]
    if not said:
        return {}
    told_apart = facets.told_apart(said)
    sums: Sums = {}
    for row, found in said:
        organization_id, moment = row["organization_id"], row["admitted_at"]
        start, more = bucket_start(moment), figures(row)
        where = (row["project_id"], row["currency"] or "")
        shown = {(facet, told_apart(organization_id, moment.date(), facet, value)) for facet, value in found}
        for facet, value in shown:
            _add(sums, (organization_id, facet, start, where[0], value, where[1]), more)
    return sums


def failed(rows: Sequence[Row], error: Exception) -> None:
    """Remembers which buckets the ledger is ahead of."""
    dirty = {(row["organization_id"], bucket_start(row["admitted_at"])) for row in rows}
    DirtyBucket.objects.bulk_create(
        [DirtyBucket(organization_id=one, starts_at=start, reason=str(error)[:500]) for one, start in dirty],
        ignore_conflicts=True,
    )
