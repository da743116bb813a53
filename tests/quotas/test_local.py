"""What a worker admits by itself while the store cannot be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas.chain import Chain, kind_of
from quotas.limits import SMOOTH_US, Amounts, Calendar, Limit, Raised, window_at
from quotas.local import Closed, LocalRefusal, LocalShares

NOON = 1_700_049_600_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
MIDNIGHT = window_at("day", Calendar(), NOON).end


def limit(meter: str, per: str | None, whole: int, **more: Any) -> Limit:
    fields = {
        "name": f"{meter}-{per}",
        "level": "organization",
        "object_id": "acme",
        "object_name": "Acme",
        "burst": whole,
        **more,
    }
    return Limit(meter=meter, per=per, limit=whole, **fields)


def each_end_user(meter: str, per: str | None, whole: int) -> Limit:
    return limit(meter, per, whole, level="end_user", parent="organization", user="~" * 24)


@dataclass
class Worker:
    """One worker, and the calls that come to it."""

    shares: LocalShares
    calls: int = 0

    def take(
        self,
        *limits: Limit,
        at: int = NOON,
        amounts: Amounts | None = None,
        end_user: str | None = None,
        open_closed: bool = True,
        lease_id: str = "",
    ) -> LocalRefusal | Closed | None:
        self.calls += 1
        return self.shares.take(
            Chain.at(1, "acme", "key", limits, Calendar(), at),
            lease_id or f"lease-{self.calls}",
            amounts or Amounts(),
            end_user=end_user,
            now_us=at,
            open_closed=open_closed,
        )

    def admitted(self, *limits: Limit, tries: int = 50, **more: Any) -> int:
        """How many of so many calls are admitted."""
        return sum(self.take(*limits, **more) is None for _ in range(tries))


@pytest.fixture
def worker() -> Worker:
    return Worker(LocalShares(4))


# Rates of requests, which go on whatever the policy says


def test_rate_of_requests_goes_on_with_this_workers_share(worker: Worker) -> None:
    assert worker.admitted(limit("requests", "minute", 40), open_closed=False) == 10


def test_burst_is_shared_like_the_limit(worker: Worker) -> None:
    assert worker.admitted(limit("requests", "minute", 400, burst=12), open_closed=False) == 3


def test_share_is_at_least_one(worker: Worker) -> None:
    assert worker.admitted(limit("requests", "minute", 3), open_closed=False) == 1


def test_limit_of_nothing_has_no_share(worker: Worker) -> None:
    assert worker.take(limit("requests", "minute", 0)) == LocalRefusal(
        limit("requests", "minute", 0), share=0, taken=0, retry_at_us=None
    )


def test_room_returns_at_the_moment_that_the_refusal_names(worker: Worker) -> None:
    rate = limit("requests", "second", 12)  # 3 a second for each worker
    assert worker.admitted(rate) == 3
    refusal = worker.take(rate)
    assert refusal == LocalRefusal(rate, share=3, taken=3, retry_at_us=NOON + 333_334)
    assert worker.take(rate, at=NOON + 333_333) is not None
    assert worker.take(rate, at=NOON + 333_334) is None
    assert worker.take(rate, at=NOON + 333_334) is not None


def test_clock_that_is_set_back_takes_nothing(worker: Worker) -> None:
    rate = limit("requests", "second", 8)
    assert worker.take(rate) is None
    assert worker.take(rate, at=NOON - DAY) is None
    assert worker.take(rate, at=NOON - DAY) is not None


def test_clock_that_is_set_back_gives_nothing(worker: Worker) -> None:
    rate = limit("requests", "second", 4)
    assert worker.take(rate) is None
    assert worker.take(rate, at=NOON - DAY) is not None
    assert worker.take(rate, at=NOON + SECOND - 1) is not None
    assert worker.take(rate, at=NOON + SECOND) is None


def test_temporary_increase_counts_while_it_lasts(worker: Worker) -> None:
    raised = limit("requests", "minute", 4, raised=Raised(40, 40, NOON + 60 * SECOND))
    assert worker.admitted(raised) == 10
    assert worker.admitted(raised, at=NOON + 540 * SECOND) == 0  # drains at the rate of now, as in the store
    assert worker.admitted(raised, at=NOON + 600 * SECOND) == 1


def test_key_without_limits_is_admitted(worker: Worker) -> None:
    assert worker.take(open_closed=False) is None


# What closes


@pytest.mark.parametrize(
    "closing",
    [
        limit("requests", "day", 1_000),
        limit("tokens", "minute", 1_000),
        limit("input_tokens", "hour", 1_000),
        limit("output_tokens", "month", 1_000),
        limit("concurrency", None, 1_000),
        limit("cost", "month", 10**15),
    ],
    ids=lambda one: one.name,
)
def test_any_other_limit_closes_the_call(worker: Worker, closing: Limit) -> None:
    rate = limit("requests", "minute", 40)
    assert worker.take(rate, closing, open_closed=False) == Closed(closing, "kind")


def test_cost_closes_whatever_the_policy_says(worker: Worker) -> None:
    cost = limit("cost", "total", 10**15)
    assert worker.take(limit("requests", "minute", 40), cost, open_closed=True) == Closed(cost, "kind")


def test_closed_call_takes_nothing(worker: Worker) -> None:
    rate = limit("requests", "minute", 40)
    for _ in range(20):
        worker.take(rate, limit("cost", "total", 10**15))
    assert worker.admitted(rate) == 10


def test_shadow_limits_neither_close_nor_refuse(worker: Worker) -> None:
    shadows = [
        limit("cost", "month", 1, shadow=True),
        limit("requests", "second", 4, shadow=True),
        limit("concurrency", None, 4, shadow=True),
    ]
    assert worker.admitted(*shadows, tries=30, open_closed=False) == 30


# What a policy may open


def test_calendar_requests_have_a_share_in_each_window(worker: Worker) -> None:
    daily = limit("requests", "day", 20)
    assert worker.admitted(daily) == 5
    assert worker.take(daily) == LocalRefusal(daily, share=5, taken=5, retry_at_us=MIDNIGHT)
    assert worker.take(daily, at=MIDNIGHT - 1) is not None
    assert worker.admitted(daily, at=MIDNIGHT) == 5


def test_window_is_looked_up_by_the_time_of_the_call(worker: Worker) -> None:
    daily = limit("requests", "day", 4)
    chain = Chain.at(1, "acme", "key", [daily], Calendar(), NOON)
    for at, admitted in ((NOON, True), (MIDNIGHT - 1, False), (MIDNIGHT, True), (MIDNIGHT + 1, False)):
        decision = worker.shares.take(
            chain, f"at-{at}", Amounts(), end_user=None, now_us=at, open_closed=True
        )
        assert (decision is None) is admitted


def test_tokens_are_taken_as_reserved(worker: Worker) -> None:
    monthly = limit("output_tokens", "month", 4_000)
    assert worker.admitted(monthly, amounts=Amounts(output_tokens=300)) == 3
    assert worker.take(monthly, amounts=Amounts(output_tokens=100)) is None


def test_smooth_tokens_drain_at_the_share_of_the_rate(worker: Worker) -> None:
    rate = limit("tokens", "minute", 4_000, burst=8_000)
    need = Amounts(input_tokens=500, output_tokens=500)
    assert worker.admitted(rate, amounts=need) == 2
    refusal = worker.take(rate, amounts=need)
    assert refusal == LocalRefusal(rate, share=2_000, taken=2_000, retry_at_us=NOON + 60 * SECOND)
    assert worker.take(rate, amounts=need, at=NOON + 60 * SECOND) is None


@pytest.mark.parametrize("per", ["minute", "day"])
def test_call_larger_than_the_whole_share_is_told_no_time(worker: Worker, per: str) -> None:
    refusal = worker.take(limit("tokens", per, 400), amounts=Amounts(input_tokens=101))
    assert isinstance(refusal, LocalRefusal)
    assert refusal.retry_at_us is None


def test_slots_come_back_when_calls_end(worker: Worker) -> None:
    slots = limit("concurrency", None, 8)
    assert worker.take(slots, lease_id="a") is None
    assert worker.take(slots, lease_id="b") is None
    assert worker.take(slots) == LocalRefusal(slots, share=2, taken=2, retry_at_us=None)
    worker.shares.release("a")
    worker.shares.release("a")
    worker.shares.release("never taken")
    assert worker.admitted(slots) == 1


def test_refused_call_takes_nothing(worker: Worker) -> None:
    wide, narrow, slots = (
        limit("requests", "minute", 40),
        limit("requests", "day", 8),
        limit("concurrency", None, 400),
    )
    assert worker.admitted(wide, slots, narrow) == 2
    assert worker.admitted(wide) == 8
    assert worker.admitted(slots, tries=200) == 98


def test_first_limit_without_room_is_named(worker: Worker) -> None:
    first, second = limit("requests", "day", 4), limit("requests", "month", 4)
    assert worker.take(first, second) is None
    refusal = worker.take(first, second)
    assert isinstance(refusal, LocalRefusal)
    assert refusal.limit is first


# End users


def test_each_end_user_has_a_share_of_its_own(worker: Worker) -> None:
    each = each_end_user("requests", "minute", 8)
    assert worker.admitted(each, end_user="ann", open_closed=False) == 2
    assert worker.admitted(each, end_user="bob", open_closed=False) == 2
    assert worker.admitted(each, end_user=None, open_closed=False) == 2
    refusal = worker.take(each, end_user="ann", open_closed=False)
    assert isinstance(refusal, LocalRefusal)
    assert refusal.limit.object_name == "ann"


# The store comes back


def test_next_outage_begins_with_whole_calendar_shares(worker: Worker) -> None:
    daily = limit("requests", "day", 20)
    assert worker.admitted(daily) == 5
    worker.shares.clear()
    assert worker.admitted(daily) == 5


def test_store_that_comes_and_goes_gives_no_bursts_and_no_slots(worker: Worker) -> None:
    rate, slots = limit("requests", "minute", 8), limit("concurrency", None, 4)
    assert worker.admitted(rate) == 2
    assert worker.take(slots, lease_id="running") is None
    worker.shares.clear()
    assert worker.admitted(rate) == 0
    assert worker.admitted(slots) == 0
    worker.shares.release("running")
    assert worker.admitted(slots) == 1


# Memory


def test_memory_is_bounded_and_what_does_not_fit_is_closed() -> None:
    worker = Worker(LocalShares(1, counters_at_most=20))
    each = each_end_user("requests", "minute", 1)
    decisions = [worker.take(each, end_user=f"user-{n}") for n in range(100)]
    assert decisions[:20] == [None] * 20
    assert {one.reason for one in decisions[20:] if isinstance(one, Closed)} == {"full"}
    assert None not in decisions[20:]
    assert len(worker.shares._counters) == 20


def test_known_counters_go_on_when_there_is_no_room_for_new_ones() -> None:
    worker = Worker(LocalShares(1, counters_at_most=3))
    each = each_end_user("requests", "minute", 2)
    for name in ("ann", "bob", "cleo", "dora"):
        worker.take(each, end_user=name)
    assert worker.take(each, end_user="ann") is None
    assert isinstance(worker.take(each, end_user="dora"), Closed)


def test_idle_counters_make_room() -> None:
    worker = Worker(LocalShares(1, counters_at_most=2))
    each, daily = each_end_user("requests", "minute", 1), limit("requests", "day", 5)
    assert worker.take(daily) is None
    assert worker.take(each, end_user="ann") is None
    assert isinstance(worker.take(each, end_user="bob", at=NOON + 59 * SECOND), Closed)
    assert worker.take(each, end_user="bob", at=NOON + 60 * SECOND) is None
    assert worker.admitted(daily, at=NOON + 60 * SECOND) == 4  # the day's count was not forgotten for it


def test_longest_unused_counter_goes_first() -> None:
    worker = Worker(LocalShares(1, counters_at_most=40))
    each = each_end_user("requests", "minute", 2)
    for at, names in ((NOON, range(40)), (NOON + 50 * SECOND, range(39))):
        assert [worker.take(each, end_user=f"user-{n}", at=at) for n in names] == [None] * len(names)
    assert worker.take(each, end_user="new", at=NOON + 60 * SECOND) is None


def test_counter_of_the_call_itself_does_not_make_room_for_another() -> None:
    worker = Worker(LocalShares(1, counters_at_most=2))
    rate, daily, monthly = (
        limit("requests", "second", 1),
        limit("requests", "day", 5),
        limit("requests", "month", 5),
    )
    assert worker.take(rate, daily) is None
    assert isinstance(worker.take(rate, monthly, at=NOON + SECOND), Closed)
    assert len(worker.shares._counters) == 2


def test_window_that_is_over_makes_room() -> None:
    worker = Worker(LocalShares(1, counters_at_most=1))
    daily = limit("requests", "day", 5)
    assert worker.take(daily) is None
    assert worker.take(daily, at=MIDNIGHT) is None
    assert len(worker.shares._counters) == 1


def test_slot_that_is_free_again_keeps_no_memory(worker: Worker) -> None:
    assert worker.take(limit("concurrency", None, 4), lease_id="a") is None
    worker.shares.release("a")
    assert len(worker.shares._counters) == 0
    assert worker.shares._running == {}


# Random histories beside a plain account of the same


@dataclass
class Account:
    """Replays all that was admitted, by the definition of each kind of window."""

    workers: int
    taken: list[tuple[int, Amounts, str | None]] = field(default_factory=list)
    cleared: int = 0  # how many had been admitted by then
    running: dict[str, str | None] = field(default_factory=dict)

    def refuses(self, limits: list[Limit], amounts: Amounts, user: str | None, now: int) -> Limit | None:
        return next((one for one in limits if not self._fits(one, amounts, user, now)), None)

    def share(self, whole: int) -> int:
        return min(whole, max(whole // self.workers, 1))

    def _fits(self, limit: Limit, amounts: Amounts, user: str | None, now: int) -> bool:
        if limit.shadow:
            return True
        need = amounts.of(limit.meter)
        alike = [
            (at, before.of(limit.meter), i)
            for i, (at, before, of) in enumerate(self.taken)
            if limit.level != "end_user" or of == user
        ]
        if kind_of(limit) == "k":
            return len(self.running) + need <= self.share(limit.limit)
        if kind_of(limit) == "c":
            window = window_at(limit.per or "", Calendar(), now)
            counted = sum(one for at, one, i in alike if i >= self.cleared and window.start <= at)
            return counted + need <= self.share(limit.limit)
        level, last = Fraction(0), 0
        drain = Fraction(self.share(limit.limit), SMOOTH_US[limit.per or ""])
        for at, one, _ in [*alike, (now, need, 0)]:
            level = max(Fraction(0), level - (at - last) * drain) + one
            last = at
        return level <= self.share(limit.burst)


wholes = st.integers(1, 60)
LIMITS = st.lists(
    st.one_of(
        st.builds(lambda n, b: limit("requests", "second", n, burst=b), wholes, wholes),
        st.builds(lambda n, b: limit("tokens", "minute", n, burst=b), wholes, wholes),
        st.builds(lambda n: limit("requests", "day", n), wholes),
        st.builds(lambda n: limit("output_tokens", "month", n), wholes),
        st.builds(lambda n: limit("concurrency", None, n), wholes),
        st.builds(lambda n: each_end_user("requests", "minute", n), wholes),
        st.builds(lambda n: each_end_user("input_tokens", "day", n), wholes),
        st.builds(lambda n: limit("requests", "hour", n, shadow=True), wholes),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.name,
)
CALLS = st.tuples(
    st.just("call"),
    st.sampled_from([0, 1, 70_000, SECOND, 20 * SECOND, DAY // 3]),
    st.builds(Amounts, st.integers(0, 8), st.integers(0, 8)),
    st.sampled_from(["ann", "bob", None]),
)
ENDS = st.tuples(st.just("end"), st.integers(0, 5), st.none(), st.none())
RETURNS = st.tuples(st.just("clear"), st.none(), st.none(), st.none())


@given(st.integers(1, 5), LIMITS, st.lists(st.one_of(CALLS, CALLS, CALLS, ENDS, RETURNS), max_size=60))
@settings(max_examples=400, deadline=None)
def test_decisions_are_those_of_the_plain_account(
    workers: int, limits: list[Limit], history: list[tuple[str, Any, Any, Any]]
) -> None:
    worker, account, now = Worker(LocalShares(workers)), Account(workers), NOON
    for number, (what, argument, amounts, user) in enumerate(history):
        if what == "clear":
            worker.shares.clear()
            account.cleared = len(account.taken)
        elif what == "end":
            if lease_id := next(iter(list(account.running)[argument:]), None):
                worker.shares.release(lease_id)
                del account.running[lease_id]
        else:
            now += argument
            lease_id = f"call-{number}"
            decision = worker.take(*limits, at=now, amounts=amounts, end_user=user, lease_id=lease_id)
            expected = account.refuses(limits, amounts, user, now)
            if expected is None:
                assert decision is None
                account.taken.append((now, amounts, user))
                account.running[lease_id] = user
            else:
                assert isinstance(decision, LocalRefusal)
                assert decision.limit.name == expected.name
