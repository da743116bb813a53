"""RESERVE: all limits or none, exactly, by the store's clock."""

import asyncio
import json

import pytest

from orbit.lib.store import client
from quotas import keys, usage
from quotas.chain import Lease
from quotas.engine import Cold, OutsideWindows, Stale
from quotas.limits import ANY_USER, Amounts, Limit, Raised
from tests.quotas.conftest import NOON, Bench

DAY_US = 86_400_000_000


async def test_calendar_limit_admits_exactly_its_amount(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 10))
    decisions = await asyncio.gather(*(bench.reserve(chain) for _ in range(50)))
    assert sum(isinstance(one, Lease) for one in decisions) == 10


async def test_refused_call_counts_nothing(bench: Bench) -> None:
    roomy, full = bench.limit("tokens", "day", 1_000), bench.limit("requests", "day", 1)
    chain = bench.chain(roomy, full, bench.limit("concurrency", None, 9))
    lease = await bench.admitted(chain, Amounts(input_tokens=10))
    before = await bench.figures(roomy)
    refusal = await bench.refused(chain, Amounts(input_tokens=10))
    assert refusal.standing.limit == full
    assert await bench.figures(roomy) == before
    assert len(lease.counters) == 3


async def test_refusal_names_what_is_held_and_when_there_is_room(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 100)
    chain = bench.chain(limit)
    lease = await bench.admitted(chain, Amounts(input_tokens=60))
    refusal = await bench.refused(chain, Amounts(input_tokens=60))
    assert (refusal.standing.spent, refusal.standing.held, refusal.standing.held_calls) == (0, 60, 1)
    assert refusal.retry_at_us is None  # as soon as the running call ends
    await bench.engine.settle(lease, used=Amounts(input_tokens=5), event=b"{}")
    await bench.admitted(chain, Amounts(input_tokens=60))
    refusal = await bench.refused(chain, Amounts(input_tokens=96))
    assert refusal.retry_at_us == NOON + DAY_US // 2


async def test_smooth_requests_follow_the_bucket(bench: Bench) -> None:
    limit = bench.limit("requests", "minute", 60, burst=3)
    chain = bench.chain(limit)
    for _ in range(3):
        await bench.admitted(chain)
    refusal = await bench.refused(chain)
    assert refusal.retry_at_us == NOON + 1_000_000
    bench.at(NOON + 999_999)
    await bench.refused(chain)
    bench.at(NOON + 1_000_000)
    await bench.admitted(chain)
    await bench.refused(chain)


async def test_smooth_tokens_charge_only_what_was_used(bench: Bench) -> None:
    limit = bench.limit("tokens", "minute", 600)
    chain = bench.chain(limit)
    lease = await bench.admitted(chain, Amounts(output_tokens=600))
    await bench.refused(chain, Amounts(output_tokens=1))
    await bench.engine.settle(lease, used=Amounts(output_tokens=100), event=b"{}")
    await bench.admitted(chain, Amounts(output_tokens=500))
    await bench.refused(chain, Amounts(output_tokens=1))


async def test_concurrency_is_held_until_settled(bench: Bench) -> None:
    chain = bench.chain(bench.limit("concurrency", None, 2))
    first = await bench.admitted(chain)
    await bench.admitted(chain)
    await bench.refused(chain)
    await bench.engine.settle(first, used=Amounts(), event=b"{}")
    await bench.admitted(chain)


async def test_next_window_starts_from_its_own_seed(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 1))
    await bench.admitted(chain)
    await bench.refused(chain)
    bench.at(NOON + DAY_US)
    await bench.admitted(chain)
    await bench.refused(chain)


async def test_new_limit_starts_with_what_was_spent(bench: Bench) -> None:
    bench.spent = 7
    chain = bench.chain(bench.limit("requests", "month", 10))
    decisions = [await bench.reserve(chain) for _ in range(5)]
    assert [isinstance(one, Lease) for one in decisions] == [True] * 3 + [False] * 2


async def test_same_reservation_twice_takes_once(bench: Bench) -> None:
    limit = bench.limit("requests", "day", 10)
    chain = bench.chain(limit)
    first = await bench.admitted(chain, lease_id="same")
    again = await bench.admitted(chain, lease_id="same", again=True)
    assert again == first
    assert await bench.figures(limit) == (0, 1, 1)


async def test_reservation_sent_again_that_never_arrived_is_taken(bench: Bench) -> None:
    limit = bench.limit("requests", "day", 1)
    await bench.admitted(bench.chain(limit), again=True)
    assert await bench.figures(limit) == (0, 1, 1)
    await bench.refused(bench.chain(limit), again=True)


async def test_clock_outside_both_windows_is_learned_from_the_store(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 1))
    for elsewhere in (NOON - DAY_US, NOON + 2 * DAY_US):
        bench.at(elsewhere)
        with pytest.raises(OutsideWindows):
            await bench.reserve(chain)
        assert abs(bench.engine.clock_us() - elsewhere) < 60_000_000


async def test_newer_version_or_generation_is_stale(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 10))
    await bench.engine.publish(bench.shard, keys.generation(bench.shard, bench.key), 2)
    with pytest.raises(Stale):
        await bench.reserve(chain)
    await bench.admitted(chain, generation=2)
    await bench.engine.publish(bench.shard, keys.version(bench.shard, bench.organization), 5)
    with pytest.raises(Stale):
        await bench.reserve(chain, generation=2, version=4)


async def test_publishing_an_older_version_changes_nothing(bench: Bench) -> None:
    key = keys.version(bench.shard, bench.organization)
    assert await bench.engine.publish(bench.shard, key, 9) == 9
    assert await bench.engine.publish(bench.shard, key, 3) == 9


async def test_store_that_lost_everything_is_cold_and_seeded_anew(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 10))
    await bench.admitted(chain)
    await bench.link.call("DEL", keys.meta(bench.shard))
    with pytest.raises(Cold):
        await bench.reserve(chain)
    await bench.start(lost=True)
    await bench.admitted(chain)


async def test_store_that_went_back_in_time_is_cold(bench: Bench) -> None:
    limit = bench.limit("requests", "day", 10)
    chain = bench.chain(limit)
    await bench.admitted(chain)
    await bench.link.call("HSET", keys.meta(bench.shard), "seq", 1)
    with pytest.raises(Cold):
        await bench.reserve(chain)
    bench.spent = 10
    await bench.start(lost=True)
    await bench.refused(chain)


async def test_rough_need_that_is_refused_is_not_counted_as_refusal(bench: Bench) -> None:
    chain = bench.chain(bench.limit("tokens", "day", 100))
    await bench.refused(chain, Amounts(input_tokens=101), rough=True)
    assert await bench.link.call("HLEN", keys.refused(bench.shard)) == 0
    await bench.refused(chain, Amounts(input_tokens=101))
    assert await bench.link.call("HLEN", keys.refused(bench.shard)) == 1


@pytest.mark.parametrize("meter", ["tokens", "cost"])
async def test_amounts_near_the_largest_integer_stay_exact(bench: Bench, meter: str) -> None:
    most = 2**53 - 1
    chain = bench.chain(bench.limit(meter, "month", most))
    amounts = Amounts(input_tokens=most - 1, cost_nano=most - 1)
    lease = await bench.admitted(chain, amounts)
    one = Amounts(input_tokens=1, cost_nano=1)
    await bench.admitted(chain, one)
    await bench.refused(chain, one)
    await bench.engine.settle(lease, used=amounts, event=b"{}")
    refusal = await bench.refused(chain, one)
    assert (refusal.standing.spent, refusal.standing.held) == (most - 1, 1)


@pytest.mark.parametrize("each", [False, True])
async def test_smooth_windows_go_on_after_a_loss_from_what_went_into_them_lately(
    bench: Bench, each: bool
) -> None:
    users = {"level": "end_user", "parent": "organization", "user": ANY_USER} if each else {}
    calls = bench.limit("requests", "minute", 60, **users)
    tokens = bench.limit("tokens", "minute", 600, **users)
    chain = bench.chain(calls, tokens)
    for number in range(50):
        lease = await bench.admitted(chain, Amounts(input_tokens=10), end_user="ada")
        closing = json.loads(bench.opening("ada")) | {"event_id": str(number), "input_tokens": 10}
        event = json.dumps(closing | {"admitted_us": NOON}).encode()
        await bench.engine.settle(lease, used=lease.amounts, event=event)
    await bench.start(lost=True)
    for _ in range(10):
        await bench.admitted(chain, Amounts(input_tokens=10), end_user="ada")
    for limit in (calls, tokens):
        await bench.refused(bench.chain(limit), Amounts(input_tokens=10), end_user="ada")
    bench.at(NOON + 120_000_000)
    await bench.start()
    await bench.admitted(bench.chain(calls), end_user="ada")  # by now it would have drained


async def test_new_limit_holds_what_running_calls_hold_and_gets_what_they_use(bench: Bench) -> None:
    old, new = bench.limit("requests", "day", 10), bench.limit("tokens", "day", 100)
    slots = bench.limit("concurrency", None, 2)
    running = [await bench.admitted(bench.chain(old), Amounts(output_tokens=40)) for _ in range(2)]
    refusal = await bench.refused(bench.chain(old, new), Amounts(output_tokens=40))
    assert (refusal.standing.held, refusal.standing.held_calls) == (80, 2)
    assert (await bench.refused(bench.chain(old, slots))).standing.limit == slots
    await bench.engine.settle(running[0], used=Amounts(output_tokens=7), event=b"{}")
    sent = bench.engine.post_settlement(running[1], used=Amounts(output_tokens=7), event=b"{}")
    assert (await sent)[0] == b"MORE"  # what was sent blindly is sent again with the new counters
    await bench.engine.settle(running[1], used=Amounts(output_tokens=7), event=b"{}")
    assert await bench.figures(new) == (14, 0, 0)
    assert await bench.figures(slots) == (0, 0, 0)
    assert await bench.figures(old) == (2, 0, 0)


async def test_shadow_limit_counts_and_never_refuses(bench: Bench) -> None:
    shadow = bench.limit("requests", "day", 1, shadow=True, name="dry")
    chain = bench.chain(shadow)
    for _ in range(3):
        await bench.admitted(chain)
    assert await bench.figures(shadow) == (0, 3, 3)
    counts = await bench.link.call("HGETALL", keys.refused(bench.shard))
    assert [counts[0].split(b"\n")[1:3], int(counts[1])] == [[b"~insufficient_quota", b"dry"], 2]


async def test_rough_need_beyond_a_shadow_limit_is_counted_exactly_first(bench: Bench) -> None:
    shadow = bench.limit("tokens", "day", 100, shadow=True)
    await bench.refused(bench.chain(shadow), Amounts(input_tokens=101), rough=True)
    await bench.admitted(bench.chain(shadow), Amounts(input_tokens=99))
    assert await bench.link.call("HLEN", keys.refused(bench.shard)) == 0


@pytest.mark.parametrize("per", ["day", "minute"])
async def test_temporary_increase_holds_until_its_end(bench: Bench, per: str) -> None:
    raised = Raised(limit=3, burst=3, until=NOON + 5_000_000)
    chain = bench.chain(bench.limit("requests", per, 1, raised=raised))
    with_room = bench.chain(bench.limit("requests", per, 1, raised=raised, object_id=bench.key))
    await bench.admitted(chain)
    await bench.admitted(with_room)
    for _ in range(2):
        await bench.admitted(chain)
    await bench.refused(chain)
    bench.at(NOON + 5_000_000)
    refusal = await bench.refused(chain)
    assert refusal.standing.rate == 1
    await bench.refused(with_room)


def each_user(bench: Bench, meter: str, per: str | None, limit: int) -> Limit:
    return bench.limit(meter, per, limit, level="end_user", parent="organization", user=ANY_USER)


@pytest.mark.parametrize(
    ("meter", "per"),
    [("requests", "day"), ("requests", "minute"), ("concurrency", None), ("tokens", "minute")],
)
async def test_each_end_user_has_a_counter_of_its_own(bench: Bench, meter: str, per: str | None) -> None:
    chain = bench.chain(each_user(bench, meter, per, 2))
    for user in ("ada", "bob", None):
        decisions = await asyncio.gather(
            *(bench.reserve(chain, Amounts(input_tokens=1), end_user=user) for _ in range(6))
        )
        assert sum(isinstance(one, Lease) for one in decisions) == 2
    refusal = await bench.refused(chain, Amounts(input_tokens=1), end_user="ada")
    assert (refusal.standing.limit.level, refusal.standing.limit.object_name) == ("end_user", "ada")


async def test_end_users_are_seeded_together_and_a_new_one_starts_at_zero(bench: Bench) -> None:
    bench.spent_by_user = {"ada": 2}
    chain = bench.chain(each_user(bench, "requests", "day", 3))
    running = await bench.admitted(chain, end_user="ada")
    await bench.refused(chain, end_user="ada")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "seed", None)  # nobody looks into the ledger for a user whom it does not know
        for _ in range(3):
            await bench.admitted(chain, end_user="bob")
        await bench.refused(chain, end_user="bob")
    await bench.engine.settle(running, used=Amounts(), event=b"{}")
    await bench.refused(chain, end_user="ada")


async def test_end_users_running_calls_count_when_a_limit_is_new(bench: Bench) -> None:
    old = bench.chain(bench.limit("requests", "day", 10))
    running = [await bench.admitted(old, end_user=user) for user in ("ada", "ada", "bob")]
    slots = each_user(bench, "concurrency", None, 2)
    both = bench.chain(bench.limit("requests", "day", 10), slots)
    assert (await bench.refused(both, end_user="ada")).standing.held_calls == 2
    last = await bench.admitted(both, end_user="bob")
    for lease in (*running, last):
        await bench.engine.settle(lease, used=Amounts(), event=b"{}")
    for user in ("ada", "bob"):
        assert await bench.figures(slots.for_user(user)) == (0, 0, 0)


async def test_reservation_in_doubt_is_found_whatever_happened_meanwhile(bench: Bench) -> None:
    """Its reply was lost; since then the policy changed, and the store was opened anew."""
    limit = bench.limit("tokens", "day", 100)
    chain = bench.chain(limit)
    await bench.admitted(chain, Amounts(input_tokens=60), lease_id="same")
    await bench.engine.publish(bench.shard, keys.version(bench.shard, bench.organization), 5)
    await bench.admitted(chain, Amounts(input_tokens=60), lease_id="same", again=True)
    await bench.start(lost=True)
    await bench.admitted(chain, Amounts(input_tokens=60), lease_id="same", again=True)
    await bench.admitted(chain, Amounts(input_tokens=1), version=5)
    assert await bench.figures(limit) == (0, 61, 2)


async def test_each_end_users_counter_is_seeded_once_while_events_keep_coming(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.spent_by_user = {f"user {number}": 1 for number in range(20)}
    moves = iter(range(30))
    read_on = usage.Spent.read_on

    def and_another(reading: usage.Spent) -> None:
        read_on(reading)
        if next(moves, None) is not None:  # one comes right after
            client().xadd(keys.stream(bench.shard), {"e": "{}", "t": 1, "k": "refusal"})

    monkeypatch.setattr(usage.Spent, "read_on", and_another)
    chain = bench.chain(each_user(bench, "requests", "day", 2))
    await bench.admitted(chain, end_user="user 7")
    await bench.refused(chain, end_user="user 7")
