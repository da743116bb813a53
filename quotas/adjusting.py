"""Adjustments reach the counters of windows that run: those of their objects are dropped, and seeded from the ledger when they are met next.

An adjustment is in no stream that the scripts see, and may be of any time. So the ledger's writer notes in the store which
organizations, projects and keys it had adjustments of, within its transaction; a task that waits for the end of that drops their
counters. The note shares the store's fate with the counters: where it is lost, they are, too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import connections

from audit.events import Row
from audit.ledger import LOCK
from orbit.lib import access
from orbit.lib.redis import Script
from orbit.lib.store import client, scan
from quotas import keys

logger = logging.getLogger(__name__)

FORGET = Script.load(Path(__file__).parent / "lua" / "forget.lua")
OBJECTS = ("organization_id", "project_id", "key_id")  # that limits are on
WINDOWS = frozenset({"day", "week", "month", "quarter", "year", "total"})
AT_ONCE = 1_000


def note(rows: Sequence[Row]) -> None:
    """In the ledger's transaction, of the rows that it takes in."""
    by_shard: dict[int, set[str]] = {}
    for row in rows:
        if row["kind"] == "adjustment":
            objects = {str(row[name]) for name in OBJECTS if row[name] is not None}
            by_shard.setdefault(row["shard"], set()).update(objects)
    for shard, objects in by_shard.items():
        client().sadd(keys.adjusted(shard), *objects)


def not_noted(rows: Sequence[Row], error: Exception) -> None:
    """The ledger goes on. Counters follow when they are made anew."""
    logger.warning("adjustments do not reach the counters of their windows: %s", type(error).__name__)


def take_in(shard: int) -> int:
    """Drops the counters of what is noted; returns how many. Once the writer's transaction is over, whose lock it takes."""
    with access.ledger():
        with connections["ledger"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, shard])
        found: Any = client().smembers(keys.adjusted(shard))
        objects = {one.decode() for one in found}
        if not objects:
            return 0
        dropped = sum(_forget(shard, some) for some in _some(_counters(shard, objects)))
        _forget(shard, [], objects)
        return dropped


def _forget(shard: int, names: Sequence[str], objects: Iterable[str] = ()) -> int:
    script_keys = [keys.meta(shard), keys.adjusted(shard), *names]
    there: Any = client().eval(FORGET.source, len(script_keys), *script_keys, *objects)
    return int(there)


def _counters(shard: int, objects: set[str]) -> Iterator[str]:
    """Marks first: without one, a user who has no counter is looked up rather than taken for new."""
    for pattern in reversed(keys.patterns(shard)):
        begins = len(pattern) - 1
        for key in scan(shard, pattern):
            name = key.decode()
            owner, _, per, *_ = [*name[begins:].split(":"), "", ""]
            if per in WINDOWS and owner.partition("/")[0] in objects:
                yield name


def _some(names: Iterator[str]) -> Iterator[list[str]]:
    some: list[str] = []
    for name in names:
        some.append(name)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some
