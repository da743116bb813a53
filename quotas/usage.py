"""What was used of a limit, for counters that start anew, and up to when the ledger is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connections
from django.db.models import Case, F, Min, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from audit.ledger import correction_id
from audit.models import Event, OutboxEntry, ShardPosition
from orbit.lib import access
from orbit.lib.clock import from_us, to_us
from orbit.lib.store import client
from quotas import keys
from quotas.limits import ANY_USER, NOBODY, Amounts, Limit, Window, user_digest
from quotas.models import DirtyBucket, UsageBucket

LONGEST_CALL = timedelta(days=1)  # a call that ended in a span began no longer before it


def complete_until(shard: int, now: datetime) -> datetime:
    """Up to when every call is in the ledger: before the oldest unread event and the oldest open lease."""
    store = client()
    position = ShardPosition.objects.get(shard=shard).stream_id
    unread: Any = store.xrange(keys.stream(shard), min=f"({position}", count=500)
    moments = [now]
    for _, fields in unread:
        if b"e" in fields:
            moments.append(from_us(_admitted_us(fields) or int(fields[b"t"])))
    open_leases: Any = store.zrange(keys.leases(shard), 0, 499)
    for lease in open_leases:
        admitted: Any = store.hget(keys.lease(shard, lease.decode()), "a")
        if admitted:
            moments.append(from_us(int(admitted)))
    oldest_act = OutboxEntry.objects.aggregate(oldest=Min("created_at"))["oldest"]
    if oldest_act is not None:
        moments.append(oldest_act)
    return min(moments)


def _admitted_us(fields: dict[bytes, bytes]) -> int | None:
    if fields.get(b"k") == b"refusal":
        return int(fields[b"e"].split(b"\n", 1)[0])
    admitted: int | None = orjson.loads(fields[b"e"]).get("admitted_us")
    return admitted


@dataclass
class Spent:
    """What was used of a limit in a window, by end user's digest ("" when the limit is not on each), up to a stream id."""

    shard: int
    organization_id: str
    limit: Limit
    window: Window
    used: dict[str, int]
    position: str
    written: int = 0  # how many entries the ledger had then of the shard
    by_settlement: bool = False  # whether the window is of when calls ended, not of when they were admitted
    seen: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return sum(self.used.values())

    def read_on(self) -> None:
        """Adds what has come into the stream since."""
        store = client()
        while found := _entries(store, self.shard, self.position):
            self.position = found[-1][0].decode()
            entries = [(fields, self._event(fields)) for _, fields in found if _counts(fields)]
            covered = [
                one for one in entries if covers(self.limit, self.window, self.organization_id, one[1])
            ]
            self._add(covered, self._in_ledger([_booked_as(*one) for one in covered]))

    def _event(self, fields: dict[bytes, bytes]) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(fields[b"e"])
        return {**event, "admitted_us": int(fields[b"t"])} if self.by_settlement else event

    def _add(self, entries: list[tuple[dict[bytes, bytes], dict[str, Any]]], known: set[str]) -> None:
        for fields, event in entries:
            event_id = _booked_as(fields, event)
            if event_id in self.seen or event_id in known:
                continue  # sent twice, as after a loss: the ledger takes it once
            self.seen.add(event_id)
            user = user_digest(event.get("end_user")) if self.limit.user else ""
            self.used[user] = self.used.get(user, 0) + _of_entry(fields, event).of(self.limit.meter)

    def _in_ledger(self, ids: list[str]) -> set[str]:
        """Those of the calls that were in the ledger, and so in its sums, when it was read."""
        if not self.written or not ids:
            return set()
        with access.scope(organization_id=UUID(self.organization_id)):
            found = Event.objects.filter(
                event_id__in=[UUID(one) for one in ids if one], shard_seq__lte=self.written
            )
            return {str(one) for one in found.values_list("event_id", flat=True)}


def spent(
    shard: int, organization_id: str, limit: Limit, window: Window, by_settlement: bool = False
) -> Spent:
    """Of a limit's counter in a window, from the ledger and from the events that it has not read.

    The ledger's sums and its position are read until they belong together.
    """
    with access.scope(organization_id=UUID(organization_id)):
        before: tuple[str, int] = ("", 0)
        while (position := _position(shard)) != before:
            before = position
            if limit.user or limit.smooth or _is_dirty(window):
                used = _of_events(limit, window, by_settlement)
            else:
                used = {"": _in_ledger(limit, window)}
    found = Spent(shard, organization_id, limit, window, used, *position, by_settlement)
    found.read_on()
    return found


def spent_together(shard: int, organization_id: str, wanted: Sequence[tuple[Limit, Window]]) -> list[Spent]:
    """Of many limits, each in its window of the calendar: what differs in nothing but the object is summed at once."""
    with access.scope(organization_id=UUID(organization_id)):
        before: tuple[str, int] = ("", 0)
        while (position := _position(shard)) != before:
            before = position
            dirty = {window for window in {window for _, window in wanted} if _is_dirty(window)}
            alike: dict[Any, list[tuple[Limit, Window]]] = {}
            for limit, window in wanted:
                alike.setdefault(_kind(limit, window), []).append((limit, window))
            sums = {kind: _by_object(some) for kind, some in alike.items() if kind[-1] not in dirty}
    answers = []
    for limit, window in wanted:
        if window in dirty:
            answers.append(spent(shard, organization_id, limit, window))
            continue
        used = {"": sums[_kind(limit, window)].get(limit.object_id, 0)}
        found = Spent(shard, organization_id, limit, window, used, *position)
        found.read_on()
        answers.append(found)
    return answers


def _kind(limit: Limit, window: Window) -> tuple[Any, ...]:
    return limit.level, limit.models, limit.meter, window


def _entries(store: Any, shard: int, position: str) -> list[Any]:
    found: list[Any] = store.xrange(keys.stream(shard), min=f"({position}", count=1000)
    return found


def _position(shard: int) -> tuple[str, int]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT stream_id, shard_seq FROM audit_shardposition WHERE shard = %s", [shard])
        stream_id, written = cursor.fetchone()
    return stream_id, written


def _booked_as(fields: dict[bytes, bytes], event: dict[str, Any]) -> str:
    """The id under which the ledger has an entry: a late word on a lapsed lease is its correction."""
    event_id = str(event.get("event_id") or "")
    return str(correction_id(event_id)) if fields[b"k"] == b"late" and event_id else event_id


def _counts(fields: dict[bytes, bytes]) -> bool:
    return fields.get(b"k") in (b"call", b"late")


AMOUNTS = {
    "requests": F("requests"),
    "tokens": F("input_tokens") + F("output_tokens"),
    "input_tokens": F("input_tokens"),
    "output_tokens": F("output_tokens"),
    "cost": F("cost_nano"),
}


def _in_ledger(limit: Limit, window: Window) -> int:
    buckets = _buckets(limit, window)
    if limit.level != "organization":
        buckets = buckets.filter(**{f"{limit.level}_id": UUID(limit.object_id)})
    total: int = buckets.aggregate(total=Sum(AMOUNTS[limit.meter], default=0))["total"]
    return total


def _by_object(alike: Sequence[tuple[Limit, Window]]) -> dict[str, int]:
    """The same of limits that differ in their object alone, by its id."""
    limit, window = alike[0]
    if limit.level == "organization":
        return {limit.object_id: _in_ledger(limit, window)}
    column = f"{limit.level}_id"
    buckets = _buckets(limit, window).filter(**{f"{column}__in": [UUID(one.object_id) for one, _ in alike]})
    rows = buckets.order_by().values_list(column).annotate(total=Sum(AMOUNTS[limit.meter], default=0))
    return {str(one): total for one, total in rows}


def _buckets(limit: Limit, window: Window) -> QuerySet[UsageBucket]:
    buckets = UsageBucket.objects.filter(
        starts_at__lt=_moment(window.end), starts_at__gte=_moment(window.start)
    )
    return buckets if limit.models is None else buckets.filter(model__in=limit.models)


def _is_dirty(window: Window) -> bool:
    """Whether rollups of the window are known to lack something that the ledger has."""
    return DirtyBucket.objects.filter(
        starts_at__lt=_moment(window.end), starts_at__gte=_moment(window.start)
    ).exists()


def _of_events(limit: Limit, window: Window, by_settlement: bool) -> dict[str, int]:
    """From the events themselves: rollups know neither end users nor spans of less than a quarter of an hour."""
    events = Event.objects.filter(
        kind__in=("call", "correction", "adjustment"), admitted_at__lt=_moment(window.end)
    )
    if by_settlement:
        events = events.filter(
            admitted_at__gte=_moment(window.start) - LONGEST_CALL, settled_at__gte=_moment(window.start)
        )
    else:
        events = events.filter(admitted_at__gte=_moment(window.start))
    level = limit.parent or limit.level
    if level != "organization":
        events = events.filter(**{f"{level}_id": UUID(limit.object_id)})
    if limit.models is not None:
        events = events.filter(model__in=limit.models)
    if limit.user not in ("", ANY_USER):
        named = None if limit.object_name == NOBODY else limit.object_name
        events = events.filter(end_user=named)
    given, made = Coalesce(F("input_tokens"), 0), Coalesce(F("output_tokens"), 0)
    amount: Any = {
        "requests": Case(When(kind="call", then=1), default=0),
        "tokens": given + made,
        "input_tokens": given,
        "output_tokens": made,
        "cost": Coalesce(F("cost_nano"), 0),
    }[limit.meter]
    if not limit.user:
        total: int = events.aggregate(total=Sum(amount, default=0))["total"]
        return {"": total}
    rows = events.order_by().values_list("end_user").annotate(total=Sum(amount, default=0))
    return {user_digest(end_user): total for end_user, total in rows}


def _moment(us: int) -> datetime:
    return from_us(min(us, to_us(datetime(9000, 1, 1, tzinfo=UTC))))


def covers(limit: Limit, window: Window | None, organization_id: str, event: dict[str, Any]) -> bool:
    """Whether a limit counts a call, by its opening or closing event; `window` None for one without."""
    if event.get("organization_id") != organization_id:
        return False
    level = limit.parent or limit.level
    if level != "organization" and event.get(f"{level}_id") != limit.object_id:
        return False
    if limit.user not in ("", ANY_USER) and user_digest(event.get("end_user")) != limit.user:
        return False
    if window is not None and not window.start <= event.get("admitted_us", 0) < window.end:
        return False
    return limit.models is None or event.get("model") in limit.models


def _of_entry(fields: dict[bytes, bytes], event: dict[str, Any]) -> Amounts:
    """What an unread entry adds: of a late word on a lapsed lease, the differences."""
    if fields[b"k"] == b"late":
        given, made, cost = map(int, fields[b"d"].split())
        return Amounts(given, made, cost, calls=0)
    return Amounts(
        event.get("input_tokens") or 0, event.get("output_tokens") or 0, event.get("cost_nano") or 0
    )
