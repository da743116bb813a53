"""Stored events in the order of their chain, read as a stream with their hashes made anew.

Made for tens of thousands of rows a second: Postgres writes ids and times as an export has them, and what is hashed is
written by orjson. Where that gives another hash than the stored one, the exact way decides.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connections, transaction
from psycopg import sql

from audit import chain
from audit.events import COLUMNS, TIMES, UUIDS
from audit.standalone.verify_ledger import Entry, content_of

NAMES = tuple(name for name in COLUMNS if name not in ("detail", "shard", "shard_seq"))
AT_ONCE = 2_000


def _column(name: str) -> sql.Composable:
    column = sql.Identifier(name)
    if name in UUIDS:
        return sql.SQL("{}::text").format(column)
    if name in TIMES:
        return sql.SQL("to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')").format(column)
    return column


SELECT = sql.SQL(
    "SELECT {}, detail::text FROM audit_event WHERE organization_id = %s AND seq > %s AND seq <= %s ORDER BY seq"
).format(sql.SQL(", ").join(map(_column, NAMES)))
SEQ, ID, ORGANIZATION, PREV, HASH, RECORDED = (
    NAMES.index(name) for name in ("seq", "event_id", "organization_id", "prev_hash", "hash", "recorded_at")
)
LAST = 2**62


@dataclass(frozen=True, slots=True)
class Stored:
    """A row, and the exact event that it is exported as."""

    values: tuple[Any, ...]

    def event(self) -> dict[str, Any]:
        return self._with(json.loads(self.values[-1]))

    def entry(self) -> Entry:
        values = self.values
        event = self._with(orjson.loads(values[-1]))
        stored = event.pop("hash")
        try:
            computed = hashlib.sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()
        except TypeError:  # nests deeper than orjson goes, or has larger integers
            computed = ""
        if computed != stored:  # a number that orjson writes in another way, or a change
            computed = chain.link(self.event())
        return Entry(
            values[SEQ], values[ID], values[ORGANIZATION], values[PREV], stored, computed, values[RECORDED]
        )

    def content(self) -> int:
        return content_of(self.event())

    def _with(self, detail: dict[str, Any]) -> dict[str, Any]:
        event = {name: value for name, value in zip(NAMES, self.values, strict=False) if value is not None}
        for name, value in detail.items():
            if value is not None and name not in event:
                event[name] = value
        return event


@dataclass(frozen=True, slots=True)
class Dropped:
    """What retention left of a row: its place in the chain."""

    values: tuple[Any, ...]

    def event(self) -> dict[str, Any]:
        return {**dict(zip(SKELETON, self.values, strict=True)), "dropped": True}

    def entry(self) -> Entry:
        event_id, organization_id, seq, prev_hash, stored = self.values
        return Entry(seq, event_id, organization_id, prev_hash, stored, "", "")

    def content(self) -> int:
        return 0


SKELETON = ("event_id", "organization_id", "seq", "prev_hash", "hash")
SELECT_SKELETONS = sql.SQL(
    "SELECT event_id::text, organization_id::text, seq, encode(prev_hash, 'hex'), encode(hash, 'hex') FROM audit_skeleton "
    "WHERE organization_id = %s AND seq > %s AND seq <= %s ORDER BY seq"
)
Row = Stored | Dropped


def stored(alias: str, organization_id: UUID, after: int = 0, until: int = LAST) -> Iterator[Row]:
    """The organization's rows with a sequence above `after`. `alias` is whose connection reads them.

    Where an event is gone, its skeleton stands in for it; where both are there, the event counts.
    """
    asked = [organization_id, after, until]
    with transaction.atomic(using=alias):
        found = map(Stored, _read(alias, SELECT, asked))
        if not _has_skeletons(alias, organization_id):
            yield from found
            return
        last = 0
        skeletons = map(Dropped, _read(alias, SELECT_SKELETONS, asked))
        both: Iterator[Row] = heapq.merge(found, skeletons, key=_seq)
        for row in both:
            if isinstance(row, Stored) or _seq(row) != last:
                yield row
            last = _seq(row)


def _seq(row: Row) -> int:
    return int(row.values[SEQ if isinstance(row, Stored) else SKELETON.index("seq")])


def _has_skeletons(alias: str, organization_id: UUID) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.audit_skeleton')")
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute(
            "SELECT EXISTS (SELECT FROM audit_skeleton WHERE organization_id = %s)", [organization_id]
        )
        return bool(cursor.fetchone()[0])


def _read(alias: str, statement: sql.Composable, asked: list[Any]) -> Iterator[tuple[Any, ...]]:
    with connections[alias].chunked_cursor() as cursor:
        cursor.execute(statement, asked)
        while rows := cursor.fetchmany(AT_ONCE):
            yield from rows


def entries(alias: str, organization_id: UUID, after: int = 0, until: int = LAST) -> Iterator[Entry]:
    for row in stored(alias, organization_id, after, until):
        yield row.entry()
