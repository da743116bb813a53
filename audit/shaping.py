"""From entries of stream and outbox to new rows of the ledger, still without a place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.db import connections
from psycopg import sql

from audit import events, retention, usual
from audit.events import PLAIN, Poison, Row
from audit.models import OutboxEntry, Skeleton
from orbit.lib import arrays
from orbit.lib.clock import from_us, rfc3339

LARGEST = 1_000_000  # bytes of one entry; what workers write has a few thousand
LATE = UUID("6a6f7262-6974-4c41-8445-000000000001")  # names the one correction of a lapsed lease
# What an event may be made of so that no row can be made of it.
UNFIT = (Poison, ArithmeticError, LookupError, ValueError, TypeError, RecursionError)

Entry = tuple[str, dict[bytes, bytes]]
Shaped = tuple[Row, bool]  # whether it came after its lease had lapsed
Refuse = Callable[[str, dict[bytes, bytes], str], None]


def of_stream(entries: Iterable[Entry], refuse: Refuse) -> list[Shaped]:
    """Rows of what workers and scripts sent; `refuse` is told of each entry that none can be made of."""
    made: list[Shaped] = []
    day = usual.Day.today()
    for stream_id, fields in entries:
        kind = fields.get(b"k")
        if kind == b"mark":  # only there for its id, see quotas.recovery
            continue
        try:
            made.append((of_fields(fields, day), kind == b"late"))
        except UNFIT as error:
            refuse(stream_id, fields, f"{type(error).__name__}: {error}")
    return made


def of_outbox(acts: Iterable[OutboxEntry]) -> list[Shaped]:
    return [(of_act(act.event), False) for act in acts]


def of_act(event: Mapping[str, Any]) -> Row:
    """What the outbox has: acts, of which no policy says how long they are kept, and adjustments, kept as what they adjust."""
    return fit(events.row(event), event if event.get("kind") == "adjustment" else {})


def of_fields(fields: dict[bytes, bytes], day: usual.Day | None = None) -> Row:
    """One entry of a stream as a row; one of UNFIT when that cannot be. With a day, the short way is tried first."""
    size = sum(map(len, fields.values()))
    if size > LARGEST:
        raise Poison(f"has {size} bytes, more than {LARGEST}")
    if fields.get(b"k") == b"refusal":
        return _refusal(fields[b"e"].decode(), int(fields[b"n"]))
    written = fields[b"e"]
    sent, settled_us = orjson.loads(written), int(fields[b"t"])
    # JSON without a backslash holds no NUL and no half of a character, and orjson takes no other broken text.
    simple = b"\\" not in written
    short = usual.row(sent, settled_us, day) if simple and size <= usual.LARGEST and day is not None else None
    if short is not None:
        return short
    return fit(events.row(sent, settled_us=settled_us, simple=simple), sent)


def fit(row: Row, sent: Mapping[str, Any]) -> Row:
    """The row with its retention class, if the table takes it."""
    events.checked(row)
    row["retention"] = retention.class_of(sent, row["admitted_at"])
    return row


def _refusal(sent: str, count: int) -> Row:
    """A minute's refusals of one key by one limit: `minute, code, limit, caller` on four lines, counted."""
    minute, code, limit, caller = sent.split("\n", 3)
    since, shadow = int(minute), code.startswith("~")  # a shadow limit's: it would have refused
    told = orjson.loads(caller)
    row = events.row(
        {
            **told,
            "kind": "refusal",
            "event_id": str(uuid5(LATE, sent)),
            "code": code.removeprefix("~"),
            "limit": limit or None,
            "count": count,
            "admitted_us": since,
            "detail": {
                "since": rfc3339(from_us(since)),
                "until": rfc3339(from_us(since + 60_000_000)),
                "shadow": True if shadow else None,
                "dlp": _blocked(told.get("blocked")),
            },
        }
    )
    return fit(row, told)


def _blocked(found: Any) -> dict[str, Any] | None:
    """Types and places for which each of the requests was refused, as calls tell of findings."""
    if not found:
        return None
    how = {"direction": "request", "action": "block", "count": 1}
    return {"findings": [{"type": kind, "place": place, **how} for kind, place in found]}


def new(shaped: Sequence[Shaped]) -> list[Row]:
    """Leaves out what the ledger has; a later word on a lapsed lease becomes a correction."""
    known = _known([row for row, _ in shaped])
    dropped = _dropped([row for row, _ in shaped])
    made: list[Row] = []
    corrections: list[Row] = []
    for row, late in shaped:
        if dropped and row["event_id"] in dropped:
            continue
        original = known.setdefault(row["event_id"], row)
        if original is row:
            made.append(row)
        elif (
            row["kind"] == "call"
            and (late or original["status"] == "lease_expired")
            and row["status"] != "lease_expired"
        ):
            correction = _correction(original, row)
            corrections.append(correction)
            made.append(correction)
    if not corrections:
        return made
    there = _known(corrections)
    for row in corrections:
        if row["event_id"] in there:
            made = [one for one in made if one is not row]
        there[row["event_id"]] = row
    return made


DIFFERENCES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nano",
)
KNOWN = ("status", "admitted_at", "retention", *DIFFERENCES)
FIND_KNOWN = sql.SQL(
    "SELECT event_id::text, {} FROM audit_event WHERE event_id = ANY(%s::uuid[]) AND admitted_at BETWEEN %s AND %s"
).format(sql.SQL(", ").join(map(sql.Identifier, KNOWN)))


SKEW = timedelta(days=1)  # one id comes with one time; this is more than any clock of ours may differ


def _known(rows: Sequence[Row]) -> dict[str, Row]:
    """Those of the ids that the ledger has. The time spares looking into every month."""
    if not rows:
        return {}
    times = [row["admitted_at"] for row in rows]
    between = (_shifted(min(times), -SKEW), _shifted(max(times), SKEW))
    with connections["ledger"].cursor() as cursor:
        cursor.execute(FIND_KNOWN, (arrays.written([row["event_id"] for row in rows]), *between))
        return {event_id: dict(zip(KNOWN, found, strict=True)) for event_id, *found in cursor.fetchall()}


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment


def _dropped(rows: Sequence[Row]) -> set[str]:
    """Those whose month was dropped: only old ones can be among them."""
    young = datetime.now(UTC) - retention.SHORTEST
    old = [row["event_id"] for row in rows if row["admitted_at"] < young]
    return set(map(str, Skeleton.objects.filter(pk__in=old).values_list("pk", flat=True))) if old else set()


def correction_id(event_id: str) -> UUID:
    """Of the one correction that a lapsed lease may get."""
    return uuid5(LATE, event_id)


def _correction(original: Row, late: Row) -> Row:
    """A further entry with the differences, in the original's own window. Originals are never edited."""
    made: dict[str, Any] = {
        **late,
        "kind": "correction",
        "corrects": late["event_id"],
        "admitted_at": original["admitted_at"],
        "retention": original["retention"],
    }
    made["event_id"] = str(correction_id(late["event_id"]))
    made.pop(PLAIN, None)  # what was written of the settlement is not what the correction says
    for name in DIFFERENCES:
        if late[name] is not None or original[name] is not None:
            made[name] = (late[name] or 0) - (original[name] or 0)
    made["detail"] = {**late["detail"], "reason": "settled after its lease had lapsed"}
    return made
