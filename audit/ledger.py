"""The ledger's one writer per shard: from stream and outbox into Postgres, in order, once.

The advisory lock, the position in the stream, the rows and the projections share one transaction, so a
writer that dies leaves nothing half done and a second one waits outside.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.db import DatabaseError, connections, transaction
from psycopg import sql
from psycopg.types.json import Jsonb
from redis import Redis

from audit import chain, events
from audit.events import COLUMNS, Poison, Row
from audit.models import ChainHead, DeadLetter, OutboxEntry, ShardPosition
from audit.projections import registry
from orbit.lib import access
from orbit.lib.clock import from_us, rfc3339

logger = logging.getLogger(__name__)

LOCK = 0x0B17  # first half of the advisory lock; the second is the shard
BATCH = 500
KEEP_BEHIND_MS = 10 * 60 * 1000  # how far behind the committed position the stream is trimmed
LATE = UUID("6a6f7262-6974-4c41-8445-000000000001")  # names the one correction of a lapsed lease

NAMES = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
CREATE_INCOMING = "CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE public.audit_event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
COPY_INCOMING = sql.SQL("COPY incoming ({}) FROM STDIN").format(NAMES)
INSERT = sql.SQL("INSERT INTO public.audit_event ({0}) SELECT {0} FROM incoming ORDER BY shard_seq").format(
    NAMES
)

Entry = tuple[str, dict[str, str]]


def stream_key(shard: int) -> str:
    """The same key as `quotas.keys.stream`; a test holds them equal, since imports do not point that way."""
    return f"orbit:{{{shard}}}:events"


def positions() -> dict[int, str]:
    """Up to which stream id the ledger has each shard."""
    with access.ledger():
        return dict(ShardPosition.objects.values_list("shard", "stream_id"))


def write_shard(store: Redis, shard: int) -> int:
    """Moves what waits on one shard into the ledger and returns how many entries were moved.

    An entry that the database refuses is found by writing one by one, and goes to the dead letters.
    """
    try:
        return _write(store, shard, BATCH)
    except DatabaseError as error:
        logger.warning("shard %s: writing one by one after %s", shard, type(error).__name__)
    moved = 0
    for _ in range(BATCH):
        try:
            one = _write(store, shard, 1, with_acts=False)
        except DatabaseError as error:
            one = _bury(store, shard, error)
        if not one:
            break
        moved += one
    return moved


def _write(store: Redis, shard: int, size: int, *, with_acts: bool = True) -> int:
    with access.ledger():
        position = _position(shard)
        if position is None:
            return 0  # another writer is at it
        entries = _read(store, shard, position.stream_id, size)
        acts = list(OutboxEntry.objects.filter(shard=shard).order_by("pk")[:size]) if with_acts else []
        if not entries and not acts:
            return 0
        rows = _rows(shard, entries, acts)
        _insert(rows, shard, position)
        if entries:
            position.stream_id = entries[-1][0]
        position.written_at = datetime.now(UTC)
        position.save(update_fields=["stream_id", "shard_seq", "written_at"])
        OutboxEntry.objects.filter(pk__in=[act.pk for act in acts]).delete()
    if entries:
        _trim(store, shard, entries[-1][0])
    return len(entries) + len(acts)


def write_past(shard: int, sent: Sequence[Mapping[str, Any]]) -> int | None:
    """Events of a time from which no stream exists, in the writer's own way; how many the ledger had not yet.

    They are shaped as workers send them, with `admitted_at` and `settled_at` as text. None while another writer is at it.
    Counters know nothing of them: rebuild the shard afterwards (`quotas.recovery`).
    """
    with access.ledger():
        position = _position(shard)
        if position is None:
            return None
        rows = list(_new([(events.row(one), False) for one in sent]))
        _insert(rows, shard, position)
        position.written_at = datetime.now(UTC)
        position.save(update_fields=["shard_seq", "written_at"])
    return len(rows)


def _position(shard: int) -> ShardPosition | None:
    with connections["ledger"].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, shard])
        if not cursor.fetchone()[0]:
            return None
    return ShardPosition.objects.get(shard=shard)


def _read(store: Redis, shard: int, after: str, size: int) -> list[Entry]:
    found: Any = store.xrange(stream_key(shard), min=f"({after}", count=size)
    return [
        (one.decode(), {k.decode(): v.decode("utf-8", "replace") for k, v in fields.items()})
        for one, fields in found
    ]


def _trim(store: Redis, shard: int, committed: str) -> None:
    behind = int(committed.split("-")[0]) - KEEP_BEHIND_MS
    if behind > 0:
        store.xtrim(stream_key(shard), minid=f"{behind}-0", approximate=True)


def _rows(shard: int, entries: Iterable[Entry], acts: Iterable[OutboxEntry]) -> list[Row]:
    """What is new among the entries, as rows without sequence."""
    shaped: list[tuple[Row, bool]] = []
    for stream_id, fields in entries:
        if fields.get("k") == "mark":  # only there for its id, see quotas.recovery
            continue
        try:
            shaped.append((_shape(fields), fields.get("k") == "late"))
        except (Poison, KeyError, ValueError, TypeError, orjson.JSONDecodeError) as error:
            DeadLetter.objects.create(
                shard=shard, stream_id=stream_id, payload=_payload(fields), reason=str(error)[:500]
            )
    shaped.extend((events.row(act.event), False) for act in acts)
    return list(_new(shaped))


def _payload(fields: dict[str, str]) -> str:
    return orjson.dumps(fields).decode().replace("\\u0000", "\ufffd")


def _shape(fields: dict[str, str]) -> Row:
    if fields.get("k") == "refusal":
        return _refusal(fields)
    return events.row(orjson.loads(fields["e"]), settled_us=int(fields["t"]))


def _refusal(fields: dict[str, str]) -> Row:
    """A minute's refusals of one key by one limit: `minute, code, limit, caller` on four lines, counted."""
    minute, code, limit, caller = fields["e"].split("\n", 3)
    since, shadow = int(minute), code.startswith("~")  # a shadow limit's: it would have refused
    sent = {
        **orjson.loads(caller),
        "kind": "refusal",
        "event_id": str(uuid5(LATE, fields["e"])),
        "code": code.removeprefix("~"),
        "limit": limit or None,
        "count": int(fields["n"]),
        "admitted_us": since,
        "detail": {
            "since": rfc3339(from_us(since)),
            "until": rfc3339(from_us(since + 60_000_000)),
            "shadow": True if shadow else None,
        },
    }
    return events.row(sent)


def _new(shaped: Sequence[tuple[Row, bool]]) -> Iterable[Row]:
    """Leaves out what the ledger has; a later word on a lapsed lease becomes a correction."""
    known = _known(
        [row["event_id"] for row, _ in shaped] + [uuid5(LATE, str(row["event_id"])) for row, _ in shaped]
    )
    for row, late in shaped:
        original = known.get(row["event_id"])
        if original is None:
            known[row["event_id"]] = row
            yield row
        elif (
            row["kind"] == "call"
            and (late or original["status"] == "lease_expired")
            and row["status"] != "lease_expired"
        ):
            correction = _correction(original, row)
            if correction["event_id"] not in known:
                known[correction["event_id"]] = correction
                yield correction


DIFFERENCES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nano",
)


KNOWN = ("event_id", "status", "admitted_at", *DIFFERENCES)
FIND_KNOWN = sql.SQL("SELECT {} FROM audit_event WHERE event_id = ANY(%s)").format(
    sql.SQL(", ").join(map(sql.Identifier, KNOWN))
)


def _known(ids: Sequence[UUID]) -> dict[UUID, Row]:
    with connections["ledger"].cursor() as cursor:
        cursor.execute(FIND_KNOWN, [list(ids)])
        return {found[0]: dict(zip(KNOWN, found, strict=True)) for found in cursor.fetchall()}


def correction_id(event_id: str) -> UUID:
    """Of the one correction that a lapsed lease may get."""
    return uuid5(LATE, event_id)


def _correction(original: Row, late: Row) -> Row:
    """A further entry with the differences, in the original's own window. Originals are never edited."""
    made = {
        **late,
        "kind": "correction",
        "corrects": late["event_id"],
        "admitted_at": original["admitted_at"],
    }
    made["event_id"] = uuid5(LATE, str(late["event_id"]))
    for name in DIFFERENCES:
        if late[name] is not None or original[name] is not None:
            made[name] = (late[name] or 0) - (original[name] or 0)
    made["detail"] = {**late["detail"], "reason": "settled after its lease had lapsed"}
    return made


def _insert(rows: Sequence[Row], shard: int, position: ShardPosition) -> None:
    if not rows:
        return
    _link(rows, shard, position)
    connection = connections["ledger"]
    with connection.cursor() as cursor:
        cursor.execute(CREATE_INCOMING)
        with connection.wrap_database_errors, cursor.cursor.copy(COPY_INCOMING) as copy:
            for row in rows:
                copy.write_row([Jsonb(row[name]) if name == "detail" else row[name] for name in COLUMNS])
        cursor.execute(INSERT)
    for projection in registry.projections.values():
        try:
            with transaction.atomic(using="ledger"):
                projection.apply(rows)
        except Exception as error:
            logger.exception("projection %s failed", projection.name)
            projection.failed(rows, error)


def _link(rows: Sequence[Row], shard: int, position: ShardPosition) -> None:
    """Gives each row its place in its organization's chain and in the shard."""
    heads = {
        head.pk: head for head in ChainHead.objects.filter(pk__in={row["organization_id"] for row in rows})
    }
    now = datetime.now(UTC)
    for row in rows:
        head = heads.setdefault(row["organization_id"], ChainHead(organization_id=row["organization_id"]))
        position.shard_seq += 1
        head.seq += 1
        row.update(
            seq=head.seq,
            shard=shard,
            shard_seq=position.shard_seq,
            recorded_at=now,
            prev_hash=events.chain_start(head.hash),
        )
        row["hash"] = head.hash = chain.link(events.exported(row))
    ChainHead.objects.bulk_create(
        heads.values(),
        update_conflicts=True,
        unique_fields=["organization_id"],
        update_fields=["seq", "hash"],
    )


def _bury(store: Redis, shard: int, error: DatabaseError) -> int:
    """Puts the next entry, which the database refused, among the dead letters and steps over it."""
    with access.ledger():
        position = _position(shard)
        entries = _read(store, shard, position.stream_id, 1) if position else []
        if position is None or not entries:
            return 0
        stream_id, fields = entries[0]
        DeadLetter.objects.create(
            shard=shard,
            stream_id=stream_id,
            payload=_payload(fields),
            reason=f"{type(error).__name__}: {error}"[:500],
        )
        position.stream_id = stream_id
        position.save(update_fields=["stream_id"])
    return 1
