"""The ledger as sinks read it: by shard, in the order of `shard_seq`, from a cursor on.

The writer gives `shard_seq` without gaps and commits it in order, so a number that is missing below the shard's position was dropped
with its partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from django.db import connections
from psycopg import sql

from audit.events import COLUMNS, Row
from audit.models import ShardPosition

# Two clocks took `admitted_at` and `recorded_at`: a sink that begins at a date gets a little from before it.
_MARGIN = timedelta(minutes=5)

_READ = sql.SQL(
    "SELECT {} FROM audit_event WHERE shard = %s AND shard_seq > %s AND shard_seq <= %s ORDER BY shard_seq LIMIT %s"
).format(sql.SQL(", ").join(map(sql.Identifier, COLUMNS)))
_ONE = sql.SQL("SELECT {} FROM audit_event WHERE shard = %s AND shard_seq = %s").format(
    sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
)
_FIRST = "SELECT shard_seq, recorded_at FROM audit_event WHERE shard = %s AND shard_seq >= %s ORDER BY shard_seq LIMIT 1"


@dataclass(frozen=True)
class Stretch:
    """A piece of one shard: its rows, up to where it reaches, and how many in it are no longer there."""

    rows: Sequence[Row]
    reaches: int
    missing: int


def positions() -> dict[int, int]:
    """The last `shard_seq` of each shard. Call it in the operator's scope, like all of this module."""
    return dict(ShardPosition.objects.values_list("shard", "shard_seq"))


def stretch(shard: int, after: int, until: int, most: int) -> Stretch:
    """What follows `after`, up to `most` rows; `until` is the shard's position, read before."""
    rows = _rows(_READ, [shard, after, until, most])
    reaches = rows[-1]["shard_seq"] if len(rows) == most else until
    return Stretch(rows, reaches, reaches - after - len(rows))


def one(shard: int, shard_seq: int) -> Row | None:
    rows = _rows(_ONE, [shard, shard_seq])
    return rows[0] if rows else None


def first(shard: int, at_least: int) -> tuple[int, datetime] | None:
    """The first event of a shard from a number on: its own number, and when it was recorded."""
    with connections["operator"].cursor() as cursor:
        cursor.execute(_FIRST, [shard, at_least])
        found: tuple[int, datetime] | None = cursor.fetchone()
    return found


def beginning(start: Literal["beginning", "now"] | datetime) -> dict[int, int]:
    """Where the cursors of a new sink stand, by shard."""
    ends = positions()
    if start == "now":
        return ends
    since = None if start == "beginning" else start - _MARGIN
    return {shard: _before(shard, end, since) for shard, end in ends.items()}


def _before(shard: int, end: int, since: datetime | None) -> int:
    """The number before the first event that was recorded at `since` or later; numbers and times rise together."""
    found = first(shard, 1)
    if found is None or since is None:
        return end if found is None else found[0] - 1
    low, high = found[0], end + 1  # the answer is in low … high
    while low < high:
        middle = (low + high) // 2
        there = first(shard, middle)
        if there is None or there[1] >= since:
            high = middle
        else:
            low = there[0] + 1
    return low - 1


def _rows(statement: sql.Composed, values: Sequence[Any]) -> list[Row]:
    with connections["operator"].cursor() as cursor:
        cursor.execute(statement, values)
        return [_row(values) for values in cursor.fetchall()]


def _row(values: Sequence[Any]) -> Row:
    made = dict(zip(COLUMNS, values, strict=True))
    if isinstance(made["detail"], str):  # Django has its own ways with JSON
        made["detail"] = orjson.loads(made["detail"])
    return made
