"""Gauges that need Postgres or the store. Each part is read by itself, so that what is away takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Count, Min
from redis import Redis

from audit import backlog
from audit.models import DeadLetter, OutboxEntry
from audit.sinks import lag
from console.installation.panels import Look
from console.pulse import pulses
from orbit.lib import access, line
from orbit.lib.metrics import Family, Kind, Sample
from orbit.lib.store import each, time_us
from quotas import keys
from quotas.journal import standing
from quotas.models import DirtyBucket

STATEMENT_MS = 2_000


def _gauge(name: str, help_: str, *labels: str, scale: float = 1) -> Family:
    return Family(name, Kind.GAUGE, help_, labels, scale=scale)


DATABASE_UP = _gauge("orbit_database_up", "Whether Postgres answers.")
CONNECTIONS = _gauge("orbit_database_connections", "Connections to Postgres, of everybody.")
CONNECTIONS_MOST = _gauge("orbit_database_connections_max", "Connections that Postgres takes.")
DATABASE_BYTES = _gauge("orbit_database_bytes", "Size of the database.")

STORE_UP = _gauge("orbit_store_up", "Whether the counting store answers for every shard.")
STORE_MEMORY = _gauge(
    "orbit_store_memory_ratio",
    "How full the fullest server of the store is, of its maxmemory; 0 without one.",
)
SHARDS_AWAY = _gauge("orbit_shards_away", "Shards whose server does not answer.")
SHARDS_COLD = _gauge("orbit_shards_cold", "Shards in use that lost their counters and wait to be rebuilt.")
LEASES = _gauge("orbit_leases_open", "Open reservations of all workers.")
OVERDUE = _gauge(
    "orbit_lease_overdue_seconds",
    "How long the oldest lapsed reservation has waited for the reaper; 0 when none has.",
)
WAITING = _gauge("orbit_ledger_waiting_entries", "Events in the streams that are not in the ledger.")
BEHIND = _gauge("orbit_ledger_behind_seconds", "Age of the oldest event or act that is not in the ledger.")
KEPT = _gauge("orbit_stream_entries", "Events that the streams hold, with those that the ledger has.")

OUTBOX = _gauge("orbit_outbox_acts", "Acts that wait for the ledger.")
OUTBOX_AGE = _gauge("orbit_outbox_oldest_seconds", "Age of the oldest of them.")
DEAD = _gauge("orbit_dead_letters", "Entries that the ledger could not take.")
DIRTY = _gauge("orbit_dirty_buckets", "Sums that must be made again: `manage.py rollups rebuild`.")

SINK_STATE = _gauge(
    "orbit_sink_state", "1 for the state of a sink: running, failing, stopped or paused.", "sink", "state"
)
SINK_EVENTS = _gauge("orbit_sink_lag_events", "Events that a sink has yet to look at.", "sink")
SINK_SECONDS = _gauge("orbit_sink_lag_seconds", "Age of the oldest of them.", "sink")
SINK_LETTERS = _gauge("orbit_sink_dead_letters", "Events that a sink refused for good.", "sink")

WEB = _gauge("orbit_web_workers", "Web workers of this host that live.")
LEFT = _gauge("orbit_journals_left", "Journals of workers that went without ending their calls.")
BEAT = _gauge(
    "orbit_beat_age_seconds",
    "How long ago a Celery worker took up the last beat of a queue; absent when none did within the hour.",
    "queue",
)
TASKS = _gauge("orbit_tasks_waiting", "Tasks that wait for a Celery worker, by queue.", "queue")


@dataclass(frozen=True, slots=True)
class Part:
    """What is read together, and may be told again for `fresh_s`. `read` is given the organizations with series of their own."""

    name: str
    fresh_s: float
    read: Callable[[list[str]], list[Sample]]
    families: tuple[Family, ...]


def database(named: list[str]) -> list[Sample]:
    with reading() as cursor:
        cursor.execute(
            "SELECT (SELECT sum(numbackends)::int FROM pg_stat_database), current_setting('max_connections')::int, "
            "pg_database_size(current_database())"
        )
        used, most, size = cursor.fetchone()
    return [
        Sample(DATABASE_UP, 1),
        Sample(CONNECTIONS, used),
        Sample(CONNECTIONS_MOST, most),
        Sample(DATABASE_BYTES, size),
    ]


def store(named: list[str]) -> list[Sample]:
    with access.operator():
        shards = Look().shards
    surveyed = backlog.survey()
    away = sum(not one.answers for one in shards)
    return [
        Sample(STORE_UP, int(not away)),
        Sample(STORE_MEMORY, backlog.memory()),
        Sample(SHARDS_AWAY, away),
        Sample(SHARDS_COLD, sum(one.cold for one in shards)),
        Sample(LEASES, sum(one.leases for one in shards)),
        Sample(OVERDUE, max(_overdue([one.number for one in shards if one.answers]), default=0.0)),
        Sample(WAITING, sum(one.waiting for one in shards)),
        Sample(KEPT, sum(one.kept for one in shards)),
        Sample(BEHIND, max((one.age_s for one in surveyed if one.any), default=0.0)),
    ]


def _overdue(shards: list[int]) -> Iterator[float]:
    """Seconds, of each shard whose first reservation to lapse has lapsed."""
    if not shards:
        return
    now_us = time_us(shards[0])
    for answer in each([(one, ("ZRANGE", keys.leases(one), 0, 0, "WITHSCORES")) for one in shards]):
        if isinstance(answer, list) and answer:
            yield max(0.0, (now_us - float(_score(answer))) / 1e6)


def _score(answer: list[Any]) -> Any:
    return answer[0][1] if isinstance(answer[0], list | tuple) else answer[1]


def ledger(named: list[str]) -> list[Sample]:
    with reading():
        acts = OutboxEntry.objects.aggregate(count=Count("pk"), oldest=Min("created_at"))
        dead, dirty = DeadLetter.objects.count(), DirtyBucket.objects.count()
    age_s = (Look().now - acts["oldest"]).total_seconds() if acts["oldest"] else 0.0
    return [
        Sample(OUTBOX, acts["count"]),
        Sample(OUTBOX_AGE, max(0.0, age_s)),
        Sample(DEAD, dead),
        Sample(DIRTY, dirty),
    ]


def sinks(named: list[str]) -> list[Sample]:
    found: list[Sample] = []
    for one in lag.lags():
        if one.state != "removed":
            labels = (one.name,)
            found += [
                Sample(SINK_STATE, 1, (one.name, one.state)),
                Sample(SINK_EVENTS, one.events, labels),
                Sample(SINK_SECONDS, one.seconds, labels),
                Sample(SINK_LETTERS, one.dead_letters, labels),
            ]
    return found


def workers(named: list[str]) -> list[Sample]:
    journals = standing(settings.ORBIT_DATA_DIR / "journals")
    living = sum(one.alive for one in journals)
    broker: Any = Redis.from_url(settings.ORBIT_BROKER_URL, socket_timeout=2, socket_connect_timeout=2)
    with broker:
        waiting = line.lengths(broker)
    return [
        Sample(WEB, living),
        Sample(LEFT, len(journals) - living),
        *(Sample(TASKS, length, (queue,)) for queue, length in waiting.items()),
        *(Sample(BEAT, seen[0].age_s, (queue,)) for queue, seen in pulses().items() if seen),
    ]


@contextmanager
def reading() -> Iterator[Any]:
    """A cursor of the operator's, in a transaction that gives up soon: a scrape is not worth waiting for."""
    with (
        access.operator(),
        transaction.atomic(using="operator"),
        connections["operator"].cursor() as cursor,
    ):
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
        yield cursor


PARTS = (
    Part("database", 10.0, database, (DATABASE_UP, CONNECTIONS, CONNECTIONS_MOST, DATABASE_BYTES)),
    Part(
        "store",
        5.0,
        store,
        (STORE_UP, STORE_MEMORY, SHARDS_AWAY, SHARDS_COLD, LEASES, OVERDUE, WAITING, KEPT, BEHIND),
    ),
    Part("ledger", 10.0, ledger, (OUTBOX, OUTBOX_AGE, DEAD, DIRTY)),
    Part("sinks", 10.0, sinks, (SINK_STATE, SINK_EVENTS, SINK_SECONDS, SINK_LETTERS)),
    Part("workers", 5.0, workers, (WEB, LEFT, TASKS, BEAT)),
)
