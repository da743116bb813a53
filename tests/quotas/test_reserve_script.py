"""RESERVE: all limits or none, exactly, by the store's clock."""

import asyncio

import pytest

from quotas import keys
from quotas.chain import Lease
from quotas.engine import Cold, OutsideWindows, Stale
from quotas.limits import Amounts
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
    assert len(lease.held) == 3


async def test_refusal_names_what_is_held_and_when_there_is_room(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 100)
    chain = bench.chain(limit)
    lease = await bench.admitted(chain, Amounts(input_tokens=60))
    refusal = await bench.refused(chain, Amounts(input_tokens=60))
    assert (refusal.standing.spent, refusal.standing.held, refusal.standing.held_calls) == (0, 60, 1)
    assert refusal.retry_at_us == NOON + DAY_US // 2
    await bench.engine.settle(lease, used=Amounts(input_tokens=5), event=b"{}")
    assert isinstance(await bench.reserve(chain, Amounts(input_tokens=60)), Lease)


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
    again = await bench.admitted(chain, lease_id="same")
    assert again == first
    assert (await bench.figures(limit))["h"] == 1


async def test_clock_outside_both_windows_is_learned_from_the_store(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 1))
    for elsewhere in (NOON - DAY_US, NOON + 2 * DAY_US):
        bench.at(elsewhere)
        with pytest.raises(OutsideWindows):
            await bench.reserve(chain)
        assert abs(bench.engine.clock_us() - elsewhere) < 60_000_000


async def test_newer_version_or_generation_is_stale(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 10))
    await bench.engine.publish(keys.generation(bench.shard, bench.key), 2)
    with pytest.raises(Stale):
        await bench.reserve(chain)
    await bench.admitted(chain, generation=2)
    await bench.engine.publish(keys.version(bench.shard, bench.organization), 5)
    with pytest.raises(Stale):
        await bench.reserve(chain, generation=2, version=4)


async def test_publishing_an_older_version_changes_nothing(bench: Bench) -> None:
    key = keys.version(bench.shard, bench.organization)
    assert await bench.engine.publish(key, 9) == 9
    assert await bench.engine.publish(key, 3) == 9


async def test_store_that_lost_everything_is_cold_and_seeded_anew(bench: Bench) -> None:
    chain = bench.chain(bench.limit("requests", "day", 10))
    await bench.admitted(chain)
    await bench.engine.link.call("DEL", keys.meta(bench.shard))
    with pytest.raises(Cold) as cold:
        await bench.reserve(chain)
    await bench.engine.open(bench.shard, cold.value.epoch)
    await bench.admitted(chain)


async def test_store_that_went_back_in_time_is_cold(bench: Bench) -> None:
    limit = bench.limit("requests", "day", 10)
    chain = bench.chain(limit)
    await bench.admitted(chain)
    await bench.engine.link.call("HSET", keys.meta(bench.shard), "seq", 1)
    with pytest.raises(Cold) as cold:
        await bench.reserve(chain)
    bench.spent = 10
    await bench.engine.open(bench.shard, cold.value.epoch)
    await bench.refused(chain)


async def test_rough_need_that_is_refused_is_not_counted_as_refusal(bench: Bench) -> None:
    chain = bench.chain(bench.limit("tokens", "day", 100))
    await bench.refused(chain, Amounts(input_tokens=101), rough=True)
    assert await bench.engine.link.call("HLEN", keys.refused(bench.shard)) == 0
    await bench.refused(chain, Amounts(input_tokens=101))
    assert await bench.engine.link.call("HLEN", keys.refused(bench.shard)) == 1


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
