"""What must hold after every fault: clients' history, provider's oracle, store and ledger side by side.

I1 nothing over a limit, I2 one outcome for each call, I3 the books agree, I4 nothing leaks, I5 nothing is lost.
The oracle is the provider's own record of what it served; our books are never compared with themselves alone.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from audit.models import Event, ShardPosition
from faults.clients import Seen
from faults.tenants import Tenant
from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from orbit.lib.clock import from_us
from quotas import keys
from quotas.counters import Counter
from quotas.limits import CALENDAR

REST_S = 20.0  # beyond the lease, for the reaper and the ledger's writer
ENDS = {"settled", "provider_failed", "client_gone", "lease_expired"}
FAR = from_us(2**52)


@dataclass(frozen=True)
class Kept:
    """One counter of the store: whose, of what, since when."""

    name: str
    owner: str
    meter: str
    per: str
    since: int
    counter: Counter


@dataclass(frozen=True)
class Books:
    """All that is known of one trial, read at rest."""

    events: list[Event]
    served: list[dict[str, Any]]  # the oracle's records
    kept: list[Kept]
    leases: int
    unread: int

    @property
    def calls(self) -> list[Event]:
        return [event for event in self.events if event.kind == "call"]

    def charged(self, meter: str, events: Iterable[Event] | None = None) -> int:
        """What the ledger's events add up to."""
        return sum(_amount(event, meter) for event in (self.events if events is None else events))

    def truth(self, meter: str) -> int:
        """The same by the provider's books."""
        worked = [one for one in self.served if one["work_began"]]
        given, made = (
            sum(one["prompt_tokens"] for one in worked),
            sum(one["completion_tokens"] for one in worked),
        )
        cost = sum(one["cost_nano"] for one in worked)
        sums = {"requests": len(worked), "tokens": given + made, "input_tokens": given, "output_tokens": made}
        return int({**sums, "cost": cost}[meter])


def read(
    store: Redis,
    provider: ProviderHandle,
    tenant: Tenant,
    *,
    rest_s: float,
    settled: Callable[[], bool] = lambda: True,
) -> Books:
    """Waits until the trial has come to rest, and reads everything. `rest_s` is the life of a lease.

    What a dead worker knew of a lapsed call may come at any later time, and corrects ledger and counters: `settled` tells
    whether all of that is done with. Counters and ledger are of one moment: at rest before they are read, and the same after.
    """
    provider.wait_idle(timeout_s=30)
    deadline = time.monotonic() + rest_s + REST_S
    while True:
        late = time.monotonic() >= deadline
        moment = _rest(store, tenant.shard) if settled() else None
        if moment is None and not late:
            time.sleep(0.05)
            continue
        books = Books(
            tenant.events(),
            [one for one in provider.requests() if user_of(one).startswith(tenant.tag)],
            counters(store, tenant),
            store.zcard(keys.leases(tenant.shard)),
            _unread(store, tenant.shard),
        )
        if late or _rest(store, tenant.shard) == moment:
            return books


def user_of(served: dict[str, Any]) -> str:
    """The name of a call in whatever field its format has for it."""
    fields = served["fields"] or {}
    metadata = fields.get("metadata")
    found = fields.get("user") or fields.get("safety_identifier")
    return str(found or (metadata.get("user_id") if isinstance(metadata, dict) else None))


def counters(store: Redis, tenant: Tenant) -> list[Kept]:
    """The counters of the organization, its project and its key."""
    names = [name.decode() for name in store.scan_iter(match=keys.patterns(tenant.shard)[0], count=1000)]
    found = []
    for name, value in zip(names, values(store, names), strict=True):
        identity = name.partition(":c:")[2].split(":")
        owner, meter, per = identity[:3]
        if owner in tenant.objects:
            since = int(identity[-1]) if per in CALENDAR else 0
            found.append(Kept(name, owner, meter, per, since, value))
    return found


def values(store: Redis, names: list[str]) -> list[Counter]:
    """What the counters of these names say; nothing of those that do not exist."""
    found = cast("list[bytes | None]", store.mget(names)) if names else []
    return [Counter.unpack(value) if value else Counter() for value in found]


def _rest(store: Redis, shard: int) -> tuple[Any, ...] | None:
    """The moment of a shard where nothing is open and nothing waits. None when something does, or nobody answers."""
    try:
        moment = _moment(store, shard)  # first: what comes after it is in it, or makes it another
        return None if store.zcard(keys.leases(shard)) or _unread(store, shard) else moment
    except RedisError:
        return None


def _moment(store: Redis, shard: int) -> tuple[Any, ...]:
    """What every change of a shard's counters or of its part of the ledger changes."""
    with access.ledger():
        position = ShardPosition.objects.get(shard=shard)
    return position.stream_id, position.shard_seq, *store.hmget(keys.meta(shard), "epoch", "seq", "restored")


def _unread(store: Redis, shard: int) -> int:
    with access.ledger():
        position = ShardPosition.objects.get(shard=shard).stream_id
    return len(cast("list[Any]", store.xrange(keys.stream(shard), min=f"({position}", count=1000)))


def wrongs(books: Books, tenant: Tenant, seen: Sequence[Seen]) -> list[str]:
    """Every way in which the trial broke a promise, in words; none when all holds."""
    return [
        *_over(books, tenant),
        *_outcomes(books),
        *_agreement(books),
        *_leaks(books),
        *_losses(books, seen),
    ]


def standing(books: Books, tenant: Tenant) -> list[str]:
    """The part of it that holds whoever called: nothing over a limit, counters equal to the ledger, nothing held."""
    return [*_over(books, tenant), *_sums(books), *_leaks(books)]


def _over(books: Books, tenant: Tenant) -> Iterable[str]:
    for (meter, per), limit in tenant.limits.items():
        if per not in CALENDAR:
            continue
        for source, found in (("the ledger", books.charged(meter)), ("the provider", books.truth(meter))):
            if found > limit:
                yield f"I1: {source} has {found} {meter}, the limit is {limit}"
    for one in books.kept:
        most = tenant.limits.get((one.meter, one.per)) if one.owner == str(tenant.id) else None
        if most is not None and one.since and one.counter.used + one.counter.held > most:
            yield f"I1: {one.meter} per {one.per} stands at {one.counter}, the limit is {most}"


def _outcomes(books: Books) -> Iterable[str]:
    for request_id, times in Tally(event.request_id for event in books.calls).items():
        if times != 1:
            yield f"I2: request {request_id} has {times} terminal events"
    for user, times in Tally(event.end_user for event in books.calls).items():
        if times != 1:
            yield f"I2: call {user} has {times} terminal events"
    for event in books.calls:
        if event.status not in ENDS:
            yield f"I2: request {event.request_id} ended as {event.status}"


def _agreement(books: Books) -> Iterable[str]:
    yield from _sums(books)
    yield from _truth(books)


def _sums(books: Books) -> Iterable[str]:
    for one in books.kept:
        if one.per not in CALENDAR:
            continue
        until = min(
            (
                other.since
                for other in books.kept
                if (other.owner, other.meter, other.per) == (one.owner, one.meter, one.per)
                and other.since > one.since
            ),
            default=None,
        )
        span = (from_us(one.since), from_us(until) if until else FAR)
        charged = books.charged(one.meter, _of(books.events, one.owner, span))
        if one.counter.used != charged:
            yield f"I3: {one.meter} per {one.per} of {one.owner} is {one.counter.used}, the ledger's sum is {charged}"


def _truth(books: Books) -> Iterable[str]:
    truth = {user_of(one): one for one in books.served}
    for event in books.calls:
        theirs = truth.get(str(event.end_user))
        cost = theirs["cost_nano"] if theirs else 0
        if event.cost_nano is None:  # a model without a price
            continue
        if event.status == "settled" and event.usage_source == "provider" and event.cost_nano != cost:
            yield f"I3: {event.end_user} was charged {event.cost_nano}, the provider made {cost}"
        if event.status == "lease_expired" and event.cost_nano < cost:
            yield f"I3: {event.end_user} lapsed at {event.cost_nano}, the provider made {cost}"


def finished(books: Books, seen: Iterable[Seen]) -> Iterable[str]:
    """Whose worker is dead is charged exactly all the same, once its journal was settled: it had written down how the call
    ended before its client saw that."""
    truth = {user_of(one): one["cost_nano"] for one in books.served}
    charged: Tally[str] = Tally()
    for event in books.events:
        charged[str(event.request_id)] += event.cost_nano or 0
    for call in seen:
        if call.status == 200 and call.finished and charged[str(call.request_id)] != truth.get(call.user):
            yield (
                f"I5: the client of {call.user} saw it finish, and the ledger has {charged[str(call.request_id)]} for it, "
                f"the provider {truth.get(call.user)}"
            )


def _of(events: Iterable[Event], owner: str, span: tuple[datetime, datetime]) -> list[Event]:
    return [
        event
        for event in events
        if owner in {str(event.organization_id), str(event.project_id), str(event.key_id)}
        and span[0] <= event.admitted_at < span[1]
    ]


def _leaks(books: Books) -> Iterable[str]:
    for one in books.kept:
        if one.counter.held or one.counter.calls:
            yield f"I4: {one.meter} per {one.per} of {one.owner} holds {one.counter.held} for {one.counter.calls} calls"
    if books.leases:
        yield f"I4: {books.leases} leases are open"
    if books.unread:
        yield f"I4: {books.unread} events wait in the stream"


def _losses(books: Books, seen: Sequence[Seen]) -> Iterable[str]:
    recorded = {event.end_user for event in books.calls}
    for one in books.served:
        if user_of(one) not in recorded:
            yield f"I5: {user_of(one)} reached the provider and is not in the ledger"
    ids = {str(event.request_id) for event in books.calls}
    for call in seen:
        if call.status == 200 and call.request_id not in ids:
            end = "finish" if call.finished else "begin"
            yield f"I5: the client of {call.user} saw its answer {end}, and the ledger has no {call.request_id}"
        if call.status == 401:
            yield f"a valid key was answered 401 ({call.user})"
        if call.code == "internal_error":
            yield f"{call.user} met an error of our own"


def _amount(event: Event, meter: str) -> int:
    given, made = event.input_tokens or 0, event.output_tokens or 0
    calls = 1 if event.kind == "call" else 0
    amounts = {"requests": calls, "tokens": given + made, "input_tokens": given, "output_tokens": made}
    return {**amounts, "cost": event.cost_nano or 0}[meter]
