"""Random histories of the engine beside a reference that is as simple as the promise: sums over lists."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeVar

from django.conf import settings
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orbit.lib.redis import RedisLink
from quotas import keys
from quotas.chain import Chain, Lease, kind_of
from quotas.engine import Engine
from quotas.limits import ANY_USER, Amounts, Calendar, Limit, Raised, window_at
from tests.quotas.conftest import NOON, Bench
from tests.quotas.test_settle_script import lapse

T = TypeVar("T")
MODELS, USERS = ("m1", "m2"), (None, "ada", "bob")
SECOND = 1_000_000
PERIOD = 60 * SECOND
amounts = st.builds(
    Amounts, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40).map(lambda n: n * 1_000_000)
)


@dataclass
class Call:
    lease: Lease
    model: str
    user: str | None
    held: Amounts
    taken: set[str] = field(default_factory=set)  # smooth requests that took it

    @property
    def admitted(self) -> int:
        return self.lease.admitted_us


@dataclass
class Bucket:
    """A smooth window: what is in it, in the meter's unit, drains at limit per minute."""

    level: Fraction = Fraction(0)
    at: int = 0

    def now(self, rate: int, now: int) -> Fraction:
        return max(Fraction(0), self.level - Fraction((now - self.at) * rate, PERIOD))


@dataclass
class Reference:
    """What should be."""

    now: int = NOON
    lost_at: int | None = None
    open: dict[str, Call] = field(default_factory=dict)
    ended: list[tuple[Call, Amounts]] = field(default_factory=list)
    charged: list[tuple[Call, Amounts, int]] = field(default_factory=list)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    unmet: dict[str, Bucket] = field(default_factory=dict)  # charged before anybody asked

    def covers(self, limit: Limit, call: Call, user: str | None) -> bool:
        mine = limit.level != "end_user" or call.user == user
        return mine and limit.applies_to(call.model)

    def same_window(self, limit: Limit, call: Call) -> bool:
        if limit.per in (None, "minute"):
            return True
        window = window_at(limit.per or "", Calendar(), self.now)
        return window.start <= call.admitted < window.end

    def held(self, limit: Limit, user: str | None) -> int:
        return sum(
            call.held.of(limit.meter)
            for call in self.open.values()
            if self.covers(limit, call, user) and self.same_window(limit, call)
        )

    def spent(self, limit: Limit, user: str | None) -> Fraction:
        kind = kind_of(limit)
        if kind == "k":
            return Fraction(0)
        if kind == "c":
            mine = [(call, used) for call, used in self.ended if self.covers(limit, call, user)]
            return Fraction(sum(used.of(limit.meter) for call, used in mine if self.same_window(limit, call)))
        return self.bucket(limit, user).now(limit.in_force(self.now)[0], self.now)

    def bucket(self, limit: Limit, user: str | None) -> Bucket:
        name = limit.for_user(user).counter
        if name not in self.buckets:
            lately = self._lately(limit, user)
            before = self.unmet.pop(name, Bucket()).now(limit.in_force(self.now)[0], self.now)
            level = before if lately is None else Fraction(min(limit.burst, lately))
            self.buckets[name] = Bucket(level, self.now)
        return self.buckets[name]

    def _lately(self, limit: Limit, user: str | None) -> int | None:
        """What went into a smooth window as long as it remembers, if counters were lost in that time."""
        remembers = -(-limit.burst * PERIOD // limit.limit)
        since = self.now - remembers
        if self.lost_at is None or self.lost_at <= since:
            return None
        if limit.meter == "requests":
            calls = [*self.open.values(), *(call for call, _ in self.ended)]
            return sum(self.covers(limit, call, user) and call.admitted >= since for call in calls)
        return sum(
            amount.of(limit.meter)
            for call, amount, at in self.charged
            if self.covers(limit, call, user) and at >= since
        )

    def room(self, limit: Limit, need: int, user: str | None) -> bool:
        rate, burst = limit.in_force(self.now)
        ceiling = burst if limit.smooth else rate
        held = 0 if kind_of(limit) == "r" else self.held(limit, user)
        return limit.shadow or self.spent(limit, user) + held + need <= ceiling

    def charge(self, limit: Limit, amount: int, user: str | None) -> None:
        name = limit.for_user(user).counter
        bucket = self.buckets[name] if name in self.buckets else self.unmet.setdefault(name, Bucket())
        bucket.level = max(Fraction(0), bucket.now(limit.in_force(self.now)[0], self.now) + amount)
        bucket.at = self.now


class Histories(RuleBasedStateMachine):
    """Reserve, extend, move, settle, repeat, lapse, let time pass, make limits, lose everything."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.reference = Reference()
        self.bench = self.run(self._bench())
        self.limits = self._limits()
        self.active = self.limits[:5]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _bench(self) -> Bench:
        link = RedisLink(settings.REDIS_URL, 5.0)
        made = Bench(Engine(link, 30_000_000), 1_000 + secrets.randbelow(2**40), str(uuid.uuid4()), "k")
        made.engine.seeder, made.engine.books = made.seed, made._booked
        made.at(NOON)
        await made.start()
        await made.engine.publish(made.shard, keys.version(made.shard, made.organization), 1)
        await made.engine.publish(made.shard, keys.generation(made.shard, made.key), 1)
        return made

    def _limits(self) -> list[Limit]:
        make = self.bench.limit
        each: dict[str, Any] = {"level": "end_user", "parent": "organization", "user": ANY_USER}
        raised = Raised(9, 9, NOON + 3 * 3600 * SECOND)
        return [
            make("requests", "minute", 6, burst=4),
            make("tokens", "day", 150),
            make("cost", "month", 200_000_000),
            make("concurrency", None, 4),
            make("output_tokens", "minute", 90, burst=60),
            make("requests", "day", 8, **each),
            make("input_tokens", "minute", 80, **each),
            make("concurrency", None, 2, **each),
            make("requests", "day", 7, models=("m1",), raised=raised, name="raised"),
            make("requests", "week", 3, shadow=True, name="shadow"),
            make("cost", "day", 90_000_000, models=("m2",), name="dear"),
            make("output_tokens", "minute", 70, burst=50, models=("m1",), name="narrow"),
            make("requests", "minute", 5, burst=3, models=("m2",), name="rare"),
        ]

    # what happens

    @initialize(count=st.integers(1, 13))
    def begin(self, count: int) -> None:
        self.active = self.limits[:count]

    @rule(us=st.one_of(st.integers(0, 90 * SECOND), st.integers(0, 30 * 3600 * SECOND)))
    def pass_time(self, us: int) -> None:
        self.reference.now += us
        self.bench.at(self.reference.now)

    @precondition(lambda self: len(self.active) < len(self.limits))
    @rule()
    def make_a_limit(self) -> None:
        self.active = self.limits[: len(self.active) + 1]

    @rule(need=amounts, model=st.sampled_from(MODELS), user=st.sampled_from(USERS), twice=st.booleans())
    def reserve(self, need: Amounts, model: str, user: str | None, twice: bool) -> None:
        chain = self.bench.chain(*(one for one in self.active if one.applies_to(model)))
        fits = all(self.reference.room(one, need.of(one.meter), user) for one in chain.limits)
        lease_id = str(uuid.uuid4())
        event = self._event(lease_id, user, model, need)
        more: dict[str, Any] = {"end_user": user, "event": event, "lease_id": lease_id}
        decision = self.run(self.bench.reserve(chain, need, **more))
        if twice and isinstance(decision, Lease):
            again = self.run(self.bench.reserve(chain, need, again=True, **more))
            assert isinstance(again, Lease)
            assert again.admitted_us == decision.admitted_us
        assert isinstance(decision, Lease) == fits, decision
        if isinstance(decision, Lease):
            self.reference.open[lease_id] = call = Call(decision, model, user, need)
            self._take_requests(call, chain)

    @precondition(lambda self: self.reference.open)
    @rule(more=st.integers(0, 30), lost_reply=st.booleans(), data=st.data())
    def extend(self, more: int, lost_reply: bool, data: st.DataObject) -> None:
        call = self._pick(data)
        known = call.lease.amounts  # an extension whose reply was lost is held, and not known of
        total = Amounts(known.input_tokens, known.output_tokens + more, known.cost_nano + more * 1_000_000)
        after = Amounts(*map(max, _three(total), _three(call.held)))
        need = Amounts(*(a - b for a, b in zip(_three(after), _three(call.held), strict=True)))
        counters = {one.counter for one in call.lease.chain.limits}
        mine = [one for one in self.active if one.applies_to(call.model)]
        if any(one.counter not in counters and one.by_estimate for one in mine):
            return  # whether a limit made since counts depends on who met it first
        fits = all(
            self._room_for(one, need.of(one.meter), call)
            for one in call.lease.chain.limits
            if one.by_estimate and need.of(one.meter) > 0
        )
        event = self._event(call.lease.id, call.user, call.model, after)
        asked = Amounts(0, more, more * 1_000_000)
        decision = self.run(self.bench.engine.extend(call.lease, asked, event=event, refusal=b"{}"))
        assert isinstance(decision, Lease) == fits, decision
        if isinstance(decision, Lease):
            call.held = after
            if not lost_reply:
                call.lease = decision

    def _room_for(self, limit: Limit, need: int, call: Call) -> bool:
        """In the window of the reservation, where an extension goes."""
        reference = self.reference
        at = replace(reference, now=call.admitted) if kind_of(limit) == "c" else reference
        return at.room(limit, need, call.user)

    @precondition(lambda self: self.reference.open)
    @rule(need=amounts, model=st.sampled_from(MODELS), lost_reply=st.booleans(), data=st.data())
    def move(self, need: Amounts, model: str, lost_reply: bool, data: st.DataObject) -> None:
        """To another target of the same model, or to the other one; a reply that is lost is asked for again."""
        call = self._pick(data)
        chain = self.bench.chain(*(one for one in self.active if one.applies_to(model)))
        fits = all(self._fits_after(one, need, call) for one in chain.limits)
        event = self._event(call.lease.id, call.user, model, need)
        for _ in range(1 + lost_reply):
            decision = self.run(
                self.bench.engine.retarget(
                    call.lease,
                    chain,
                    need,
                    version=1,
                    generation=1,
                    event=event,
                    refusal=b"{}",
                    end_user=call.user,
                )
            )
            assert isinstance(decision, Lease) == fits, decision
        if isinstance(decision, Lease):
            call.lease, call.model, call.held = decision, model, need
            self._take_requests(call, chain)

    def _fits_after(self, limit: Limit, need: Amounts, call: Call) -> bool:
        """A limit that has the call is asked for the difference, any other for all of it."""
        if kind_of(limit) == "r":
            mine = limit.for_user(call.user).counter in call.taken
            return mine or self.reference.room(limit, 1, call.user)
        known, wants = self.reference.covers(limit, call, call.user), need.of(limit.meter)
        has = call.held.of(limit.meter) if known else 0
        return (known and wants <= has) or self._room_for(limit, wants - has, call)

    def _take_requests(self, call: Call, chain: Chain) -> None:
        for limit in chain.limits:
            name = limit.for_user(call.user).counter
            if kind_of(limit) == "r" and name not in call.taken:
                call.taken.add(name)
                self.reference.charge(limit, 1, call.user)

    @precondition(lambda self: self.reference.open)
    @rule(used=amounts, data=st.data(), times=st.integers(1, 3))
    def settle(self, used: Amounts, data: st.DataObject, times: int) -> None:
        call = self._pick(data)
        for _ in range(times):
            self.run(self.bench.engine.settle(call.lease, used=used, event=self._closing(call, used)))
        self._end(call, used)

    @precondition(lambda self: self.reference.open)
    @rule(used=amounts, late=st.booleans(), data=st.data())
    def lapse(self, used: Amounts, late: bool, data: st.DataObject) -> None:
        call = self._pick(data)
        assert lapse(self.bench, call.lease) == 1
        self._end(call, call.held)
        if late:
            event = self._closing(call, used)
            outcome, _ = self.run(self.bench.engine.settle(call.lease, used=used, event=event))
            assert outcome == "LATE"
            self.reference.ended[-1] = (call, used)
            difference = Amounts(*(a - b for a, b in zip(_three(used), _three(call.held), strict=True)))
            self._charge_smooth_tokens(call, difference)

    @rule()
    def lose_everything(self) -> None:
        """The counters are gone; leases and events come back from the journals."""
        self.run(self.bench.start(lost=True))
        self.reference.lost_at = self.reference.now
        self.reference.buckets.clear()
        self.reference.unmet.clear()

    # what must hold

    @invariant()
    def counters_that_exist_say_what_was_spent_and_is_held(self) -> None:
        for limit in self.active:
            for user in USERS if limit.level == "end_user" else (None,):
                mine = limit.for_user(user)
                found = self.run(self.bench.counter(mine))
                if found is None or kind_of(limit) == "r":
                    continue
                assert found.held == self.reference.held(limit, user), limit.name
                if kind_of(limit) == "c":
                    assert found.used == self.reference.spent(limit, user), limit.name

    def teardown(self) -> None:
        self.bench.engine.link.close()
        self.runner.close()

    def _pick(self, data: st.DataObject) -> Call:
        calls = list(self.reference.open.values())
        return calls[data.draw(st.integers(0, len(calls) - 1))]

    def _end(self, call: Call, used: Amounts) -> None:
        del self.reference.open[call.lease.id]
        self.reference.ended.append((call, used))
        self._charge_smooth_tokens(call, used)

    def _charge_smooth_tokens(self, call: Call, used: Amounts) -> None:
        self.reference.charged.append((call, used, self.reference.now))
        for limit in self.active:
            if kind_of(limit) == "t" and self._counts(limit, call):
                self.reference.charge(limit, used.of(limit.meter), call.user)

    def _counts(self, limit: Limit, call: Call) -> bool:
        """Whether the store's lease knows the limit: it was in its chain, or its counter was seeded since."""
        known = any(one.counter == limit.counter for one in call.lease.chain.limits)
        return known or limit.for_user(call.user).counter in self.reference.buckets

    def _closing(self, call: Call, used: Amounts) -> bytes:
        return self._event(call.lease.id, call.user, call.model, used, admitted_us=call.admitted)

    def _event(self, lease_id: str, user: str | None, model: str, amounts: Amounts, **more: int) -> bytes:
        event = json.loads(self.bench.opening(user, model))
        given, made, cost = _three(amounts)
        event |= {
            "event_id": lease_id,
            "input_tokens": given,
            "output_tokens": made,
            "cost_nano": cost,
            **more,
        }
        return json.dumps(event).encode()


def _three(amounts: Amounts) -> tuple[int, int, int]:
    return amounts.input_tokens, amounts.output_tokens, amounts.cost_nano


Histories.TestCase.settings = hypothesis_settings(max_examples=25, stateful_step_count=20, deadline=None)
test_histories = Histories.TestCase
