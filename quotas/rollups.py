"""Sums of each quarter of an hour, written by the ledger's writer in its own transaction.

Quarters of UTC add up to the days of every time zone. The same sums are kept four times: by object and quarter, by object
and day of UTC, of the organization as a whole by quarter, and by what calls say of themselves (`quotas.facets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import add, itemgetter
from typing import Any
from uuid import UUID

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

_sort = itemgetter("kind", "status", "usage_source")
_object = itemgetter("organization_id", "project_id", "key_id", "account_id", "model", "currency")
_figured = itemgetter("input_tokens", "output_tokens", "cost_nano", "duration_ms", "first_token_ms")

Sort = tuple[str, str | None, str | None]  # kind, status, usage source
Here = dict[tuple[facets.Said, Sort], "list[Added]"]
Added = tuple[Any, ...]  # tokens in and out, cost, duration, first token, refused
Place = tuple[UUID, datetime, UUID | None, str]  # organization, quarter, project, currency
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


def figures(sort: Sort, added: Sequence[Added]) -> list[int]:
    """What rows of one kind, status and usage source add, in the order of SUMS."""
    kind, status, source = sort
    inputs, outputs, costs, took, first, refused = zip(*added, strict=True)
    calls = len(added) if kind == "call" else 0
    failed = calls if status == "provider_failed" else 0
    settled = calls and status == "settled"  # how long others took says when they were ended
    return [
        calls,
        sum(refused),
        failed,
        sum(filter(None, inputs)),
        sum(filter(None, outputs)),
        sum(filter(None, costs)),
        0 if source in MEASURED else calls,
        costs.count(None) if calls and not failed else 0,
        histogram.of(took) if settled else 0,
        histogram.of(first) if calls else 0,
    ]


@dataclass(slots=True)
class _Batch:
    """What rows add, by object and by what they say of themselves: each row is looked at once, since there are many.

    Of `alike`, each has one place and sort and says the same of itself, in the order in which the first of them came.
    """

    objects: dict[tuple[Any, ...], tuple[list[Added], Place, Here]] = field(default_factory=dict)
    places: dict[Place, Here] = field(default_factory=dict)
    alike: list[tuple[Place, facets.Said, Sort, list[Added]]] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Batch:
        """Nearly all of a batch are of one quarter."""
        made = cls()
        start = until = datetime.min.replace(tzinfo=UTC)
        for row in rows:
            if counts(row):
                moment = row["admitted_at"]
                if not start <= moment < until:
                    start = bucket_start(moment)
                    until = start + QUARTER
                made._take(row, start)
        return made

    def _take(self, row: Row, start: datetime) -> None:
        sort, identity = _sort(row), _object(row)
        added = (*_figured(row), _refused(row) if sort[0] == "refusal" else 0)
        of_object = self.objects.get((start, sort, identity))
        if of_object is None:
            organization_id, project_id, *_, currency = identity
            place = (organization_id, start, project_id, currency or "")
            of_object = self.objects[start, sort, identity] = ([], place, self.places.setdefault(place, {}))
        some, place, here = of_object
        some.append(added)
        for said in facets.said(row):
            same = here.get((said, sort))
            if same is None:
                same = here[said, sort] = []
                self.alike.append((place, said, sort, same))
            same.append(added)

    def by_object(self) -> Sums:
        found: Sums = {}
        for (start, sort, identity), (added, *_) in self.objects.items():
            organization_id, project_id, key_id, account_id, model, currency = identity
            key = (organization_id, start, project_id, key_id, account_id, model or "", currency or "")
            _add(found, key, figures(sort, added))
        return found

    def by_facet(self) -> Sums:
        days: dict[facets.Day, dict[facets.Pair, None]] = {}
        for (organization_id, start, *_), said, _, _ in self.alike:
            days.setdefault((organization_id, start.date()), {}).update(dict.fromkeys(said))
        hidden = facets.not_told_apart(days)
        found: Sums = {}
        for (organization_id, start, project_id, currency), said, sort, added in self.alike:
            more, day = figures(sort, added), (organization_id, start.date())
            for facet, value in facets.shown(said, hidden[day]) if day in hidden else said:
                _add(found, (organization_id, facet, start, project_id, value, currency), more)
        return found


def _refused(row: Row) -> int:
    return 0 if row["detail"].get("shadow") else row["count"] or 0


def sums(rows: Sequence[Row]) -> Sums:
    """What rows of the ledger add to each quarter of an hour of each object."""
    return _Batch.of(rows).by_object()


def _add(found: Sums, identity: tuple[Any, ...], more: list[int]) -> None:
    held = found.get(identity)
    if held is None:
        found[identity] = more.copy()
    else:
        held[:] = map(add, held, more)


def apply(rows: Sequence[Row]) -> None:
    batch = _Batch.of(rows)
    by_object = batch.by_object()
    by_day, whole = coarser(by_object)
    QUARTERS.add(by_object)
    DAYS.add(by_day)
    TOTALS.add(whole)
    FACETS.add(batch.by_facet())


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
    return _Batch.of(rows).by_facet()


def failed(rows: Sequence[Row], error: Exception) -> None:
    """Remembers which buckets the ledger is ahead of."""
    dirty = {(row["organization_id"], bucket_start(row["admitted_at"])) for row in rows}
    DirtyBucket.objects.bulk_create(
        [DirtyBucket(organization_id=one, starts_at=start, reason=str(error)[:500]) for one, start in dirty],
        ignore_conflicts=True,
    )
