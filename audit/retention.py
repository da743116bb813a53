"""How long events are kept: classes in days, months made ahead, and dropped when their time is over.

An event's class is fixed when it is written. A month is dropped as a whole, once the last day of it has been kept for
as long as its class says; what remains is in `Skeleton` and `DroppedMonth`, and each organization's trail has the act.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connections

from audit.models import DroppedMonth, OutboxEntry
from audit.sinks import lag
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7

logger = logging.getLogger(__name__)

FOREVER = 0
LIMITED = (30, 90, 400, 2555)
CLASSES = (*LIMITED, FOREVER)
SHORTEST = timedelta(days=min(LIMITED))
MONTHS_AHEAD = 3
EARLIEST = date(
    2020, 1, 1
)  # what says that it is older has a broken clock, and goes with what is kept without limit

_LEAF = re.compile(r"audit_event_(?:d(\d+)_)?(\d{4})_(\d{2})")


def default() -> int:
    """The class of what no policy speaks of: acts, and calls whose policies do not say."""
    found: int = settings.ORBIT_RETENTION_DAYS
    return found


def class_of(sent: Mapping[str, Any], admitted_at: datetime) -> int:
    """The class of an event as a worker sends it."""
    days = sent.get("retention")
    if days not in CLASSES or isinstance(days, bool):
        days = default()
    return int(days) if has_month(admitted_at) else FOREVER


def has_month(moment: datetime) -> bool:
    first, last = days()
    return first <= moment.date() <= last


def days() -> tuple[date, date]:
    """The first and the last day whose events have a month of their own."""
    return EARLIEST, (datetime.now(UTC) + timedelta(days=31)).date()


def month_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True, order=True)
class Leaf:
    """The partition of one class and month."""

    month: date
    days: int

    @property
    def table(self) -> str:
        return f"audit_event_{f'd{self.days}_' if self.days else ''}{self.month:%Y_%m}"

    @property
    def since(self) -> datetime:
        return datetime(self.month.year, self.month.month, 1, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        return datetime(*after(self.month).timetuple()[:3], tzinfo=UTC)

    @property
    def drops_at(self) -> datetime | None:
        return self.until + timedelta(days=self.days) if self.days else None


class Absent(Exception):
    """Partitions must be made before something can be written."""

    def __init__(self, leaves: set[Leaf]) -> None:
        super().__init__(", ".join(sorted(leaf.table for leaf in leaves)))
        self.leaves = leaves


def require(rows: Iterable[Mapping[str, Any]]) -> None:
    """Raises Absent where a row's partition is not there. What is kept without limit has one for all else."""
    wanted = {Leaf(month_of(row["admitted_at"]), row["retention"]) for row in rows if row["retention"]}
    if wanted:
        with connections["ledger"].cursor() as cursor:
            tables = [f"public.{leaf.table}" for leaf in wanted]
            cursor.execute(
                "SELECT one FROM unnest(%s::text[]) AS one WHERE to_regclass(one) IS NULL", [tables]
            )
            absent = {table for (table,) in cursor.fetchall()}
        if absent:
            raise Absent({leaf for leaf in wanted if f"public.{leaf.table}" in absent})


def leaves() -> list[tuple[Leaf, int, int]]:
    """Every partition by class and month, with the planner's estimate of its rows and its bytes."""
    with connections["ledger"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid) FROM pg_inherits i "
            "JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent "
            "WHERE p.relname LIKE 'audit\\_event\\_d%%' AND c.relkind = 'r' ORDER BY c.relname"
        )
        found = [(_LEAF.fullmatch(name), rows, size) for name, rows, size in cursor.fetchall()]
    return sorted(
        (Leaf(date(int(match[2]), int(match[3]), 1), int(match[1] or 0)), rows, size)
        for match, rows, size in found
        if match
    )


def make(wanted: Iterable[Leaf]) -> int:
    """Makes partitions, each in a transaction of its own; returns how many there were none of."""
    made = 0
    for leaf in sorted(wanted):
        with access.ledger(), connections["ledger"].cursor() as cursor:
            cursor.execute("SELECT audit_make_partition(%s, %s)", [leaf.days, leaf.month])
            made += bool(cursor.fetchone()[0])
    return made


def make_ahead() -> int:
    """The coming months of every class that is in use."""
    month = month_of(datetime.now(UTC))
    with access.ledger():
        there = {leaf for leaf, _, _ in leaves()}
    wanted = set()
    for _ in range(MONTHS_AHEAD + 1):
        wanted |= {Leaf(month, days) for days in {default(), FOREVER, *(leaf.days for leaf in there)}}
        month = after(month)
    return make(wanted - there)


def drop_due(now: datetime) -> list[Leaf]:
    """Drops every month whose time is over. One that is in use right now, or that a sink still needs, waits for the next time."""
    with access.ledger():
        due = [leaf for leaf, _, _ in leaves() if leaf.drops_at is not None and leaf.drops_at <= now]
    dropped = []
    for leaf in due:
        if lag.has_unsent(leaf.since, leaf.until):
            logger.warning(
                "%s is not dropped yet: a sink still has to be sent something of that month", leaf.table
            )
            continue
        try:
            drop(leaf)
        except OperationalError as error:
            logger.warning("%s is not dropped yet: %s", leaf.table, error)
        else:
            dropped.append(leaf)
    return dropped


SKELETONS = """INSERT INTO audit_skeleton (event_id, organization_id, seq, kind, admitted_at, prev_hash, hash)
SELECT event_id, organization_id, seq, kind, admitted_at, decode(prev_hash, 'hex'), decode(hash, 'hex') FROM audit_event
WHERE retention = %s AND admitted_at >= %s AND admitted_at < %s ON CONFLICT (event_id) DO NOTHING"""
OWNERS = """SELECT organization_id, max(organization), max(shard), count(*), min(seq), max(seq) FROM audit_event
WHERE retention = %s AND admitted_at >= %s AND admitted_at < %s GROUP BY organization_id ORDER BY organization_id"""


def drop(leaf: Leaf) -> int:
    """Drops one month and returns how many events it had. The database refuses one that is not due."""
    where: tuple[int, datetime, datetime] = (leaf.days, leaf.since, leaf.until)
    with access.ledger(), connections["ledger"].cursor() as cursor:
        cursor.execute(SKELETONS, where)
    with access.ledger(), connections["ledger"].cursor() as cursor:
        cursor.execute(OWNERS, where)
        owners = cursor.fetchall()
        DroppedMonth.objects.bulk_create(
            [
                DroppedMonth(
                    organization_id=one,
                    month=leaf.month,
                    retention=leaf.days,
                    events=events,
                    first_seq=first,
                    last_seq=last,
                )
                for one, _, _, events, first, last in owners
            ]
        )
        OutboxEntry.objects.bulk_create([_act(leaf, *owner) for owner in owners])
        cursor.execute("SELECT audit_drop_partition(%s, %s)", [leaf.days, leaf.month])
        (events,) = cursor.fetchone()
    logger.warning("%s was dropped: %s events of %s organizations", leaf.table, events, len(owners))
    return int(events)


def _act(
    leaf: Leaf, organization_id: Any, slug: str, shard: int, events: int, first: int, last: int
) -> OutboxEntry:
    return OutboxEntry(
        organization_id=organization_id,
        shard=shard,
        event={
            "v": 1,
            "event_id": str(uuid7()),
            "kind": "act",
            "organization_id": str(organization_id),
            "organization": slug,
            "admitted_at": rfc3339(datetime.now(UTC)),
            "detail": {
                "actor": "ledger",
                "action": "ledger.drop",
                "target": f"{leaf.month:%Y-%m}",
                "before": {
                    "events": events,
                    "first_seq": first,
                    "last_seq": last,
                    "retention_days": leaf.days,
                },
            },
        },
    )
