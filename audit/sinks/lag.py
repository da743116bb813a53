"""How far sinks are behind the ledger, and what must not be dropped from it yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.models import Count, Q

from audit.models import ShardPosition
from audit.sinks.models import Sink, SinkCursor, SinkDeadLetter
from orbit.lib import access, clock

SILENT_S = 60.0  # a process that feeds a sink writes down every ten seconds that it is there

# The first event of each shard behind a sink's cursor. The index on (shard, shard_seq) has it.
_NEXT = """
SELECT c.sink_id, min(e.recorded_at)
FROM audit_sinkcursor c
JOIN audit_shardposition p ON p.shard = c.shard AND p.shard_seq > c.shard_seq
CROSS JOIN LATERAL (
    SELECT recorded_at FROM audit_event WHERE shard = c.shard AND shard_seq > c.shard_seq ORDER BY shard_seq LIMIT 1
) e
GROUP BY c.sink_id
"""
_FLOORS = """
SELECT c.shard, min(c.shard_seq) FROM audit_sinkcursor c JOIN audit_sink s ON s.id = c.sink_id
WHERE s.removed_at IS NULL GROUP BY c.shard
"""
_HAS_UNSENT = f"""
SELECT EXISTS (
    SELECT FROM ({_FLOORS}) AS floor (shard, shard_seq)
    CROSS JOIN LATERAL (
        SELECT FROM audit_event e
        WHERE e.shard = floor.shard AND e.shard_seq > floor.shard_seq AND e.admitted_at >= %s AND e.admitted_at < %s
        LIMIT 1
    ) found
)
"""  # noqa: S608 - both are ours


@dataclass(frozen=True)
class Lag:
    """Of one sink. `events` counts what it still has to look at, also what its filters will pass over."""

    name: str
    kind: str
    state: str
    events: int
    seconds: float
    sent: int
    passed_over: int
    missing: int
    dead_letters: int
    last_sent_at: datetime | None
    failing_since: datetime | None
    failures: int
    last_error: str
    next_try_at: datetime | None
    seen_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        return {
            name: clock.rfc3339(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def lag(row: Sink) -> Lag:
    """Of one sink; made once for each row that was read."""
    known: Lag | None = vars(row).get("_lag")
    if known is None:
        known = vars(row)["_lag"] = next(one for one in lags() if one.name == row.name)
    return known


def lags() -> list[Lag]:
    """Every sink that there is a place of, by name; removed ones last."""
    now = datetime.now(UTC)
    with access.operator():
        ends = dict(ShardPosition.objects.values_list("shard", "shard_seq"))
        behind: dict[int, int] = {}
        for sink_id, shard, shard_seq in SinkCursor.objects.values_list("sink_id", "shard", "shard_seq"):
            behind[sink_id] = behind.get(sink_id, 0) + max(0, ends.get(shard, 0) - shard_seq)
        waiting = _waiting()
        open_letters = Q(sinkdeadletter__isnull=False, sinkdeadletter__replayed_at=None)
        rows = list(Sink.objects.annotate(letters=Count("sinkdeadletter", filter=open_letters)))
    rows.sort(key=lambda row: (row.removed_at is not None, row.name))
    return [_lag(row, behind.get(row.pk, 0), waiting.get(row.pk), row.letters, now) for row in rows]


def _waiting() -> dict[int, datetime]:
    with connections["operator"].cursor() as cursor:
        cursor.execute(_NEXT)
        return dict(cursor.fetchall())


def _lag(row: Sink, events: int, oldest: datetime | None, letters: int, now: datetime) -> Lag:
    return Lag(
        name=row.name,
        kind=row.kind,
        state=state(row, now),
        events=events,
        seconds=round(max(0.0, (now - oldest).total_seconds()), 1) if oldest else 0.0,
        sent=row.sent,
        passed_over=row.passed_over,
        missing=row.missing,
        dead_letters=letters,
        last_sent_at=row.last_sent_at,
        failing_since=row.failing_since,
        failures=row.failures,
        last_error=row.last_error,
        next_try_at=row.next_try_at,
        seen_at=row.seen_at,
    )


def state(row: Sink, now: datetime) -> str:
    """removed, paused, stopped (no process feeds it), failing, or running."""
    if row.removed_at is not None:
        return "removed"
    if row.settings.get("paused"):
        return "paused"
    silent_s = (now - row.seen_at).total_seconds() if row.seen_at else SILENT_S + 1
    # between two tries of a failing sink its process is silent for as long as it said
    if silent_s > SILENT_S and (
        row.next_try_at is None or (now - row.next_try_at).total_seconds() > SILENT_S
    ):
        return "stopped"
    return "failing" if row.failing_since else "running"


def oldest_unsent() -> datetime | None:
    """When the oldest event was recorded that a sink in use has not acknowledged; None when there is none."""
    with access.operator():
        waiting = _waiting()
        active = set(Sink.objects.filter(removed_at=None).values_list("pk", flat=True))
    return min((at for sink_id, at in waiting.items() if sink_id in active), default=None)


def floors() -> Mapping[int, int]:
    """By shard: up to which `shard_seq` every sink in use has acknowledged. Empty without sinks."""
    with access.operator(), connections["operator"].cursor() as cursor:
        cursor.execute(_FLOORS)
        return dict(cursor.fetchall())


def has_unsent(since: datetime, until: datetime) -> bool:
    """Whether a partition, events admitted from `since` to before `until`, holds something that a sink still has to be sent.

    What drops partitions asks this first. Removed sinks hold nothing back, paused ones and those that no process feeds do.
    """
    with access.operator(), connections["operator"].cursor() as cursor:
        cursor.execute(_HAS_UNSENT, [since, until])
        return bool(cursor.fetchone()[0])


def dead_letters(name: str, most: int = 1000) -> list[SinkDeadLetter]:
    """What a sink refused and was not sent again, the oldest first."""
    with access.operator():
        return list(
            SinkDeadLetter.objects.filter(sink__name=name, replayed_at=None)
            .select_related("sink")
            .order_by("pk")[:most]
        )
