"""The ledger's one writer per shard: from stream and outbox into Postgres, in order, once.

The advisory lock, the position in the stream, the rows and the projections share one transaction, so a
writer that dies leaves nothing half done and a second one waits outside.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

import orjson
from django.db import DatabaseError, DataError, IntegrityError, connections, transaction
from psycopg import sql
from redis import Redis

from audit import attempts, chain, dead_letters, events, lines, retention, shaping, trimming, usual
from audit.attempts import Note
from audit.events import Row
from audit.lines import STORED
from audit.models import ChainHead, OutboxEntry, ShardPosition
from audit.projections import registry
from audit.shaping import Entry, correction_id
from audit.streams import stream_key
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.store import Command, each

__all__ = ["correction_id", "positions", "stream_key", "write_shard"]

logger = logging.getLogger(__name__)

LOCK = 0x0B17  # first half of the advisory lock; the second is the shard
BATCH = 6000  # entries: where many wait, many rows of sums are written once for all of them
PAGE = 1000  # entries read at once
READ = 8_000_000  # bytes of entries, after which no further page is read; their rows take four times as much memory
ACTS = 2000
SEARCH_S = 5.0  # after which what is left of a refused batch is tried anew
AT_ONCE = 50  # rows handed to the driver
# Entries of the stream and acts of one try. What the database refuses is looked for in ever smaller ones.
SIZES = ((BATCH, ACTS), (150, 150), (12, 12))

NAMES = sql.SQL(", ").join(map(sql.Identifier, STORED))
CREATE_INCOMING = "CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE public.audit_event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
COPY_INCOMING = sql.SQL("COPY incoming ({}) FROM STDIN").format(NAMES)
INSERT = sql.SQL("INSERT INTO public.audit_event ({0}) SELECT {0} FROM incoming").format(NAMES)


def positions() -> dict[int, str]:
    """Up to which stream id the ledger has each shard."""
    with access.ledger():
        return dict(ShardPosition.objects.values_list("shard", "stream_id"))


def write_shard(store: Redis, shard: int) -> int:
    """Moves what waits on one shard into the ledger, about a batch at most, and returns how many entries were moved.

    An entry that the database refuses, or that five writers died over, goes to the dead letters. Any
    other error says nothing about entries: they wait.
    """
    return _in_steps(store, shard, 0, monotonic() + SEARCH_S)


def _in_steps(store: Redis, shard: int, tries: int, ends: float) -> int:
    """One try of SIZES; what the database refuses of it is passed in smaller ones, up to its end."""
    if tries == len(SIZES):
        return _one(store, shard, 1, 0) + _one(store, shard, 0, 1)
    entries, acts = SIZES[tries]
    try:
        return _made(store, shard, entries, acts)
    except (DataError, IntegrityError) as error:
        logger.warning("shard %s: smaller steps after %s", shard, type(error).__name__)
    moved = 0
    while moved < entries and (step := _in_steps(store, shard, tries + 1, ends)):
        moved += step
        if monotonic() > ends:
            break
    return moved


def _one(store: Redis, shard: int, entries: int, acts: int) -> int:
    """One entry or act, which is buried if the database refuses it."""
    try:
        return _made(store, shard, entries, acts)
    except (DataError, IntegrityError) as error:
        return _write(store, shard, entries, acts, refused=error)


def _made(store: Redis, shard: int, entries: int, acts: int) -> int:
    """Makes partitions where there are none yet: by itself, so that nobody waits for a lock with another in hand."""
    with _uncollected():
        try:
            return _write(store, shard, entries, acts)
        except retention.Absent as absent:
            retention.make(absent.leaves)
        return _write(store, shard, entries, acts)


@contextmanager
def _uncollected() -> Iterator[None]:
    """A batch makes a hundred thousand objects that all live to its end, and no cycles: looking for some is a sixth of the work."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _write(store: Redis, shard: int, entries: int, acts: int, *, refused: DatabaseError | None = None) -> int:
    with access.ledger():
        place = Place.taken(shard)
        if place is None:
            return 0  # another writer is at it
        found, note = _read(store, shard, place.row.stream_id, entries)
        if note is not None and note.covers(place.row.stream_id):
            logger.warning("shard %s: in small steps, a writer died over what comes next", shard)
            found, acts = found[: note.step([one for one, _ in found])], 0
        waiting = list(OutboxEntry.objects.filter(shard=shard).order_by("pk")[:acts]) if acts else []
        if not found and not waiting:
            return 0
        before = place.row.stream_id
        died = note.deaths(before) if note is not None and found else 0
        if found:
            attempts.begin(store, shard, before, [one for one, _ in found], note)
        try:
            if refused is not None:
                _bury(place, found, waiting, dead_letters.said(refused))
            elif died >= attempts.MOST:
                _bury(place, found, waiting, f"{died} writers died over it")
            else:
                _move(place, found, waiting)
            if found:
                place.row.stream_id = found[-1][0]
            place.save()
            OutboxEntry.objects.filter(pk__in=[act.pk for act in waiting]).delete()
        except Exception:
            if found:
                attempts.end(store, shard, before, note)  # it failed, which did not kill anybody
            raise
    if found:
        attempts.end(store, shard, found[-1][0], note)
        trimming.trim(store, shard, found[-1][0])
    return len(found) + len(waiting)


def write_past(shard: int, sent: Sequence[Mapping[str, Any]]) -> int | None:
    """Events of a time from which no stream exists, in the writer's own way; how many the ledger had not yet.

    They are shaped as workers send them, with `admitted_at` and `settled_at` as text. None while another writer is at it.
    Counters know nothing of them: rebuild the shard afterwards (`quotas.recovery`).
    """
    try:
        return _written(shard, sent)
    except retention.Absent as absent:
        retention.make(absent.leaves)
    return _written(shard, sent)


def _written(shard: int, sent: Sequence[Mapping[str, Any]]) -> int | None:
    with access.ledger():
        place = Place.taken(shard)
        if place is None:
            return None
        rows = shaping.new([(shaping.of_act(one), False) for one in sent])
        insert(rows, place)
        place.save()
    return len(rows)


class Place:
    """Where the only writer of a shard stands, by the database's clock."""

    def __init__(self, row: ShardPosition, now: datetime) -> None:
        self.row, self.now = row, now

    @classmethod
    def taken(cls, shard: int) -> Place | None:
        """Within a transaction, until its end. None while another writer has it."""
        with connections["ledger"].cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s), clock_timestamp()", [LOCK, shard])
            free, now = cursor.fetchone()
        return cls(ShardPosition.objects.get(shard=shard), now) if free else None

    @classmethod
    def awaited(cls, shard: int) -> Place:
        """The same, after the other writer."""
        with connections["ledger"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, shard])
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
        return cls(ShardPosition.objects.get(shard=shard), now)

    def save(self) -> None:
        self.row.written_at = self.now
        self.row.save(update_fields=["stream_id", "shard_seq", "written_at"])


def _read(store: Redis, shard: int, after: str, size: int) -> tuple[list[Entry], Note | None]:
    """What follows in the stream, and what an earlier writer noted."""
    if not size:
        return [], None
    page, note = _asked(shard, _next(shard, after, size), ("HGETALL", attempts.key(shard)))
    found = _entries(page)
    held = _bytes(found)
    while len(page) == PAGE and len(found) < size and held < READ:
        (page,) = _asked(shard, _next(shard, found[-1][0], size - len(found)))
        more = _entries(page)
        held += _bytes(more)
        found += more
    return found, Note.read(note)


def _next(shard: int, after: str, left: int) -> Command:
    return "XRANGE", stream_key(shard), f"({after}", "+", "COUNT", min(left, PAGE)


def _asked(shard: int, *commands: Command) -> list[Any]:
    answers = each([(shard, command) for command in commands])
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _entries(page: Sequence[Any]) -> list[Entry]:
    return [(one.decode(), fields) for one, fields in page]


def _bytes(entries: Sequence[Entry]) -> int:
    return sum([len(fields.get(b"e", b"")) for _, fields in entries])


def _move(place: Place, entries: Sequence[Entry], acts: Sequence[OutboxEntry]) -> None:
    letters = dead_letters.Letters(place.row.shard)
    shaped = shaping.of_stream(entries, letters.add)
    shaped += shaping.of_outbox(acts)
    rows = shaping.new(shaped)
    letters.write()
    rows += letters.gaps(place.now)
    insert(rows, place)


def _bury(place: Place, entries: Sequence[Entry], acts: Sequence[OutboxEntry], reason: str) -> None:
    """Puts what cannot be written among the dead letters; the position steps over it."""
    letters = dead_letters.Letters(place.row.shard)
    for stream_id, fields in entries:
        letters.add(stream_id, fields, reason)
    for act in acts:
        letters.add(f"outbox-{act.pk}", {b"e": orjson.dumps(act.event), b"k": b"act"}, reason)
    letters.write()
    insert(letters.gaps(place.now), place)


def insert(rows: Sequence[Row], place: Place) -> None:
    """Appends rows to their chains and to the shard; the caller saves the place."""
    if not rows:
        return
    for row in rows:
        if "retention" not in row:  # acts of the ledger's own have no policy that would say
            row["retention"] = retention.default()
    retention.require(rows)
    _append(rows, place)
    with connections["ledger"].cursor() as cursor:
        cursor.execute(INSERT)
    for projection in registry.projections.values():
        try:
            with transaction.atomic(using="ledger"):
                projection.apply(rows)
        except Exception as error:
            logger.exception("projection %s failed", projection.name)
            projection.failed(rows, error)


def _append(rows: Sequence[Row], place: Place) -> None:
    """Gives each row its place in its organization's chain and in the shard, and copies it to `incoming`."""
    heads: dict[Any, ChainHead] = ChainHead.objects.in_bulk({row["organization_id"] for row in rows})
    batch = usual.Batch(place.row.shard, rfc3339(place.now))
    connection = connections["ledger"]
    with connection.cursor() as cursor:
        cursor.execute(CREATE_INCOMING)
        with connection.wrap_database_errors, cursor.cursor.copy(COPY_INCOMING) as copy:
            for some in (rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE)):
                copy.write("".join([_linked(row, heads, place, batch) for row in some]))
    ChainHead.objects.bulk_create(
        heads.values(),
        update_conflicts=True,
        unique_fields=["organization_id"],
        update_fields=["seq", "hash"],
    )


def _linked(row: Row, heads: dict[Any, ChainHead], place: Place, batch: usual.Batch) -> str:
    head = heads.get(row["organization_id"])
    if head is None:
        head = heads[row["organization_id"]] = ChainHead(organization_id=row["organization_id"])
    place.row.shard_seq += 1
    head.seq += 1
    if type(row.get(events.PLAIN)) is tuple:
        head.hash, line = batch.linked(row, head.seq, place.row.shard_seq, events.chain_start(head.hash))
        return line
    head.hash, line = _generally(row, head, place)
    return line


def _generally(row: Row, head: ChainHead, place: Place) -> tuple[str, str]:
    row.update(
        seq=head.seq,
        shard=place.row.shard,
        shard_seq=place.row.shard_seq,
        recorded_at=place.now,
        prev_hash=events.chain_start(head.hash),
        hash=None,
    )
    told = events.exported(row)
    written = chain.canonical(told, plain=events.PLAIN in row)
    row["hash"] = chain.hash_of(written)
    return row["hash"], lines.line(row, told, written)
