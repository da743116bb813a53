"""Calls as nearly all are, on a short way to the very rows, hashes and lines that `events`, `chain` and `lines` make.

What many calls have in common, who called and what was asked, is made a row of once and kept; of what is their own only
kinds and bounds are looked at. Whatever is not as usual goes the general way, which alone decides what becomes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson

from audit import chain, events, lines, retention
from audit.events import NOTHING, PLAIN, Row
from audit.lines import ABSENT, COUNTS, WHAT, WHO
from orbit.lib.clock import from_us, rfc3339, to_us

_EMPTY: dict[str, Any] = NOTHING | {"admitted_us": None, "retention": None}
_own = itemgetter("event_id", "request_id", "end_user", "detail", "admitted_us", "retention")
_who, _what, _counts = itemgetter(*WHO), itemgetter(*WHAT), itemgetter(*COUNTS)
# True equals 1, and so does 1.0: what is kept of the one must not be taken for the other.
_likely_equal = itemgetter("v", "stream", "http_status")
_ONE_KIND = frozenset(
    (int, stream, http_status) for stream in (bool, type(None)) for http_status in (int, type(None))
)
_unusual = itemgetter("admitted_at", "settled_at", "corrects", "count", "limit")
_NONE = (None,) * 5
_COUNTED = frozenset({int, type(None)})
_MOST = 2**31  # more is rare, and the general way knows of which column it is too much
_USER = events.LENGTHS["end_user"]
LARGEST = (
    16_384  # bytes of an entry that may go this way: what calls have in common is kept, of thousands of them
)
_is_id = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


@dataclass(frozen=True, slots=True)
class Shared:
    """Columns that many events share: as a row has them, as they are exported, as COPY takes them."""

    columns: dict[str, Any]
    told: dict[str, Any]
    line: str


Short = tuple[Shared, Shared, tuple[int | None, ...], str]  # who, what, COUNTS, when it was admitted


@dataclass(frozen=True, slots=True)
class Day:
    """How long is kept what does not say so, and from when to when an event may be to have a month of its own."""

    retention: int
    since_us: int
    until_us: int

    @classmethod
    def today(cls) -> Day:
        first, last = retention.days()
        return cls(retention.default(), _midnight(first), _midnight(last + timedelta(days=1)))


def _midnight(day: Any) -> int:
    return to_us(datetime.combine(day, time(), UTC))


def row(sent: Any, settled_us: int, day: Day) -> Row | None:
    """A worker's event of a text without a backslash, with its retention class; None for one that is not as usual.

    Its `settled_at` is text already, and projections find everything in it but its place.
    """
    try:
        return _row(sent, settled_us, day)
    except (TypeError, ValueError):  # no object; no text where one belongs
        return None


def _row(sent: Any, settled_us: int, day: Day) -> Row | None:
    if type(sent) is not dict:  # pairs would do for an update
        return None
    made = _EMPTY.copy()
    made.update(sent)
    event_id, request_id, user, detail, us, days = _own(made)
    if (
        _unusual(made) != _NONE
        or tuple(map(type, _likely_equal(made))) not in _ONE_KIND
        or event_id != request_id
        or not _is_id(event_id)
        or type(detail) is not dict
        or "hash" in detail
        or not events.kept_as_it_is(detail)
        or type(us) is not int
        or not day.since_us <= us < day.until_us
        or not day.since_us <= settled_us < day.until_us
    ):
        return None
    if user is not None and (type(user) is not str or len(user) > _USER):
        return None
    if days is None:
        days = day.retention
    elif type(days) is not int or days not in retention.CLASSES:
        return None
    counts = _counts(made)
    if not _COUNTED.issuperset(map(type, counts)):
        return None
    given = counts if None not in counts else [count for count in counts if count is not None]
    if given and (min(given) < -_MOST or max(given) >= _MOST):
        return None
    who, what = _shared_who(_who(made)), _shared_what(_what(made))
    if who is None or what is None:
        return None
    made.update(who.columns)
    made["admitted_at"] = from_us(us)
    made["settled_at"] = _written(settled_us)
    made["retention"] = days
    made[PLAIN] = (who, what, counts, _written(us))
    return made


@lru_cache(4096)
def _shared_who(values: tuple[Any, ...]) -> Shared | None:
    return _shared(WHO, values)


@lru_cache(4096)
def _shared_what(values: tuple[Any, ...]) -> Shared | None:
    return _shared(WHAT, values)


_SAMPLE = {
    "event_id": "00000000-0000-0000-0000-000000000000",
    "kind": "call",
    "organization_id": "00000000-0000-0000-0000-000000000000",
    "organization": "-",
    "admitted_us": 0,
}


def _shared(names: tuple[str, ...], values: tuple[Any, ...]) -> Shared | None:
    """Made in the general way. None where that changes a value or refuses it: then it has to see the whole event."""
    try:
        made = events.checked(events.row({**_SAMPLE, **dict(zip(names, values, strict=True))}, simple=True))
    except (ValueError, TypeError):
        return None
    told = events.exported(made)
    if (
        any(told.get(name) != value for name, value in zip(names, values, strict=True))
        or made["kind"] != "call"
    ):
        return None
    return Shared(
        {name: made[name] for name in names if made[name] != told.get(name)},
        {name: told[name] for name in names if name in told},
        lines.joined(values),
    )


_linked = itemgetter("event_id", "end_user", "settled_at", "detail")


@lru_cache(256)
def _second(seconds: int) -> str:
    return rfc3339(from_us(seconds * 1_000_000))[:20]


def _written(us: int) -> str:
    seconds, rest = divmod(us, 1_000_000)
    return f"{_second(seconds)}{rest:06d}Z"


@dataclass(frozen=True, slots=True)
class Batch:
    """What all rows of a batch have in common."""

    shard: int
    recorded_at: str

    def linked(self, made: Row, seq: int, shard_seq: int, prev_hash: str) -> tuple[str, str]:
        """The hash of a row that `row` made, at its place in the chain, and its line for COPY."""
        short: Short = made[PLAIN]
        who, what, counts, admitted = short
        event_id, user, settled, detail = _linked(made)
        told = {
            **detail, **who.told, **what.told, "event_id": event_id, "request_id": event_id, "admitted_at": admitted,
            "settled_at": settled, "recorded_at": self.recorded_at, "seq": seq, "prev_hash": prev_hash,
        }  # fmt: skip
        if user is None:
            user = ABSENT
        else:
            told["end_user"] = user
        told.update([pair for pair in zip(COUNTS, counts, strict=True) if pair[1] is not None])
        counted = "\t".join(map(str, counts)).replace("None", ABSENT)
        made_hash = chain.hash_of(orjson.dumps(told, option=orjson.OPT_SORT_KEYS))
        return made_hash, (
            f"{event_id}\t{event_id}\t{admitted}\t{settled}\t{user}\t{counted}\t{seq}\t{shard_seq}\t{prev_hash}\t"
            f"{made_hash}\t{who.line}\t{what.line}\t\\N\t\\N\t\\N\t{self.shard}\t{self.recorded_at}\t{made['retention']}\t"
            f"{orjson.dumps(detail).decode()}\n"
        )
