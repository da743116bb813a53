"""RETARGET: a call in flight goes on under another target's limits, all of them or none."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace
from typing import Any

import orjson
import pytest

from orbit.lib.redis import StoreUnavailable
from quotas import keys, seeds
from quotas.chain import Chain, Lease, Refusal
from quotas.engine import RESTORE, RETARGET, Booked, Gone, Stale, call_keys
from quotas.limits import ANY_USER, Amounts, Calendar, Limit
from quotas.retargeting import Move
from tests.quotas.conftest import NOON, Bench
from tests.quotas.test_settle_script import lapse

DAY = 86_400_000_000
HELD, OTHER = Amounts(20, 40, 600), Amounts(20, 30, 900)
Figures = tuple[int, int, int] | None


async def retarget(
    bench: Bench, lease: Lease, chain: Chain, amounts: Amounts = OTHER, model: str = "m2", **more: Any
) -> Lease | Refusal:
    arguments: dict[str, Any] = {
        "version": 1,
        "generation": 1,
        "event": bench.opening(more.get("end_user"), model),
        "refusal": b"{}",
        **more,
    }
    return await bench.engine.retarget(lease, chain, amounts, **arguments)


async def moved(bench: Bench, lease: Lease, chain: Chain, amounts: Amounts = OTHER, **more: Any) -> Lease:
    found = await retarget(bench, lease, chain, amounts, **more)
    assert isinstance(found, Lease), found
    return found


async def refused(bench: Bench, lease: Lease, chain: Chain, amounts: Amounts = OTHER, **more: Any) -> Refusal:
    found = await retarget(bench, lease, chain, amounts, **more)
    assert isinstance(found, Refusal), found
    return found


async def all_figures(bench: Bench, *limits: Limit) -> list[Figures]:
    return [await bench.figures(one) for one in limits]


async def first(bench: Bench, *limits: Limit, amounts: Amounts = HELD, **more: Any) -> Lease:
    """A call of model m1."""
    event = bench.opening(more.get("end_user"), "m1")
    return await bench.admitted(bench.chain(*limits), amounts, event=event, **more)


def sides(bench: Bench) -> tuple[Limit, Limit, Limit]:
    """Limits on both models, on the one, on the other."""
    both = bench.limit("tokens", "day", 1_000, name="both")
    old = bench.limit("cost", "month", 10_000, models=("m1",), name="old")
    new = bench.limit("cost", "month", 10_000, models=("m2",), name="new")
    return both, old, new


async def test_each_limit_takes_the_difference_or_all_or_gives_all_back(bench: Bench) -> None:
    both, old, new = sides(bench)
    slots, calls = bench.limit("concurrency", None, 3), bench.limit("requests", "day", 5, models=("m2",))
    lease = await first(bench, both, old, slots)
    lease = await moved(bench, lease, bench.chain(both, new, slots, calls))
    assert await all_figures(bench, both, old, new, slots, calls) == [
        (0, 50, 1), (0, 0, 0), (0, 900, 1), (0, 1, 1), (0, 1, 1),
    ]  # fmt: skip
    assert (lease.amounts, lease.figures) == (OTHER, (0, 0, 50, 0, 0, 900, 0, 0, 1, 0, 0, 1))
    await bench.engine.settle(lease, used=Amounts(10, 5, 77), event=b"{}")
    assert await all_figures(bench, both, old, new, slots, calls) == [
        (15, 0, 0), (0, 0, 0), (77, 0, 0), (0, 0, 0), (1, 0, 0),
    ]  # fmt: skip


async def test_refused_move_changes_nothing_but_the_count_of_refusals(bench: Bench) -> None:
    both, old, new = sides(bench)
    full = bench.limit("output_tokens", "day", 29, models=("m2",), name="full")
    lease = await first(bench, both, old)
    record = await bench.link.call("HGETALL", keys.lease(bench.shard, lease.id))
    refusal = await refused(bench, lease, bench.chain(both, new, full))
    assert (refusal.standing.limit, refusal.standing.spent, refusal.standing.held) == (full, 0, 0)
    assert await all_figures(bench, both, old, new, full) == [(0, 60, 1), (0, 600, 1), (0, 0, 0), (0, 0, 0)]
    assert await bench.link.call("HGETALL", keys.lease(bench.shard, lease.id)) == record
    [described, count] = await bench.link.call("HGETALL", keys.refused(bench.shard))
    assert (described.split(b"\n")[1:3], count) == ([b"insufficient_quota", b"full"], b"1")
    await bench.engine.settle(lease, used=Amounts(10, 5, 77), event=b"{}")
    assert await all_figures(bench, both, old, new) == [(15, 0, 0), (77, 0, 0), (0, 0, 0)]


@pytest.mark.parametrize(("more", "fits"), [(10, True), (11, False)])
async def test_limit_on_both_sides_is_asked_for_the_difference_only(
    bench: Bench, more: int, fits: bool
) -> None:
    limit = bench.limit("output_tokens", "day", 100)
    await first(bench, limit, amounts=Amounts(output_tokens=50))
    lease = await first(bench, limit, amounts=Amounts(output_tokens=40))
    found = await retarget(bench, lease, bench.chain(limit), Amounts(output_tokens=40 + more))
    assert isinstance(found, Lease) == fits
    assert await bench.figures(limit) == (0, 90 + more * fits, 2)


async def test_less_is_given_back_also_where_the_limit_was_lowered_below_it(bench: Bench) -> None:
    limit = bench.limit("output_tokens", "day", 100)
    lease = await first(bench, limit, amounts=Amounts(output_tokens=90))
    await moved(bench, lease, bench.chain(replace(limit, limit=10, burst=10)), Amounts(output_tokens=60))
    assert await bench.figures(limit) == (0, 60, 1)


async def test_smooth_tokens_that_are_held_count_against_the_burst(bench: Bench) -> None:
    limit = bench.limit("tokens", "minute", 60, burst=50, models=("m2",))
    lease = await first(bench)
    await refused(bench, lease, bench.chain(limit), Amounts(output_tokens=51))
    await moved(bench, lease, bench.chain(limit), Amounts(output_tokens=50))
    assert await bench.figures(limit) == (0, 50, 1)


async def test_smooth_requests_are_taken_once_and_stay_taken(bench: Bench) -> None:
    both = bench.limit("requests", "minute", 6, burst=5, name="both")
    old = bench.limit("requests", "minute", 6, burst=5, models=("m1",))
    new = bench.limit("requests", "minute", 6, burst=1, models=("m2",))
    lease = await first(bench, both, old)
    lease = await moved(bench, lease, bench.chain(both, new))
    assert [found and found[0] // 60_000_000 for found in await all_figures(bench, both, old, new)] == [1] * 3
    lease = await moved(bench, lease, bench.chain(both, old), model="m1")
    lease = await moved(bench, lease, bench.chain(both, new))  # its burst is 1, and this call has it
    assert [found and found[0] // 60_000_000 for found in await all_figures(bench, both, old, new)] == [1] * 3
    assert isinstance(await retarget(bench, await first(bench), bench.chain(new)), Refusal)
    await bench.engine.settle(lease, used=Amounts(), event=b"{}")


async def test_shadow_limit_counts_and_does_not_refuse_a_move(bench: Bench) -> None:
    shadow = bench.limit("cost", "day", 100, shadow=True)
    lease = await moved(bench, await first(bench), bench.chain(shadow))
    assert await bench.figures(shadow) == (0, 900, 1)
    await bench.engine.settle(lease, used=Amounts(cost_nano=5), event=b"{}")
    assert await bench.figures(shadow) == (5, 0, 0)


async def test_move_whose_reply_was_lost_gives_the_same_again(bench: Bench) -> None:
    both, old, new = sides(bench)
    requests = bench.limit("requests", "minute", 5, models=("m2",))
    lease = await first(bench, both, old)
    chain = bench.chain(both, new, requests)
    once = await moved(bench, lease, chain)
    before = await all_figures(bench, both, old, new, requests)
    await bench.engine.publish(bench.shard, keys.version(bench.shard, bench.organization), 2)
    assert await moved(bench, lease, chain) == once
    assert await all_figures(bench, both, old, new, requests) == before


async def test_after_a_lost_reply_the_lease_goes_on_to_a_third_target(bench: Bench) -> None:
    both, old, new = sides(bench)
    third = bench.limit("cost", "month", 10_000, models=("m3",))
    lease = await first(bench, both, old)
    await moved(bench, lease, bench.chain(both, new))
    lease = await moved(bench, lease, bench.chain(both, third), Amounts(1, 2, 3), model="m3")
    assert await all_figures(bench, both, old, new, third) == [
        (0, 3, 1), (0, 0, 0), (0, 0, 0), (0, 3, 1),
    ]  # fmt: skip
    await bench.engine.settle(lease, used=Amounts(1, 1, 1), event=b"{}")
    assert await all_figures(bench, both, old, new, third) == [
        (2, 0, 0), (0, 0, 0), (0, 0, 0), (1, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("posted", [True, False])
async def test_settlement_that_has_not_heard_of_the_move_leaks_nothing(bench: Bench, posted: bool) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    await moved(bench, lease, bench.chain(both, new))
    used = Amounts(1, 2, 3)
    if posted:
        [outcome, *_] = await bench.engine.post_settlement(lease, used=used, event=b"{}")
        assert outcome == b"MORE"
    assert (await bench.engine.settle(lease, used=used, event=b"{}"))[0] == "OK"
    assert await all_figures(bench, both, old, new) == [(3, 0, 0), (3, 0, 0), (3, 0, 0)]


async def test_late_settlement_that_has_not_heard_of_the_move_charges_its_own_limits_in_full(
    bench: Bench,
) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    await moved(bench, lease, bench.chain(both, new))
    assert lapse(bench, lease) == 1
    assert (await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}"))[0] == "LATE"
    assert await all_figures(bench, both, old, new) == [(3, 0, 0), (3, 0, 0), (3, 0, 0)]


async def test_extension_that_has_not_heard_of_the_move_is_refused_as_gone(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    now = await moved(bench, lease, bench.chain(both, new))
    with pytest.raises(Gone):
        await bench.engine.extend(lease, Amounts(output_tokens=500), event=b"{}", refusal=b"{}")
    extended = await bench.engine.extend(now, Amounts(0, 5, 7), event=b"{}", refusal=b"{}")
    assert isinstance(extended, Lease)
    assert await all_figures(bench, both, old, new) == [(0, 55, 1), (0, 0, 0), (0, 907, 1)]


async def test_lapsed_lease_is_charged_to_the_target_it_was_moved_to(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await moved(bench, await first(bench, both, old), bench.chain(both, new))
    assert lapse(bench, lease) == 1
    assert await all_figures(bench, both, old, new) == [(50, 0, 0), (0, 0, 0), (900, 0, 0)]
    [event] = await bench.events()
    assert json.loads(event["e"])["model"] == "m2"
    assert (await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}"))[0] == "LATE"
    assert await all_figures(bench, both, old, new) == [(3, 0, 0), (0, 0, 0), (3, 0, 0)]
    with pytest.raises(Gone):
        await retarget(bench, lease, bench.chain(both, old))


async def test_settlement_long_after_the_lapse_corrects_the_target_it_was_moved_to(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await moved(bench, await first(bench, both, old), bench.chain(both, new))
    lapse(bench, lease)
    await bench.link.call("DEL", keys.tombstone(bench.shard, lease.id))
    bench.booked = Booked(True, OTHER)
    assert (await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}"))[0] == "LATE"
    assert await all_figures(bench, both, old, new) == [(3, 0, 0), (0, 0, 0), (3, 0, 0)]


async def test_cancelled_call_leaves_nothing_on_either_side(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    await moved(bench, lease, bench.chain(both, new))
    await bench.engine.cancel(lease.chain, lease.id, None)
    assert await all_figures(bench, both, old, new) == [(0, 0, 0)] * 3


async def test_move_prolongs_the_lease(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    bench.at(NOON + 29_000_000)
    await moved(bench, lease, bench.chain(both, new))
    due = await bench.link.call("ZSCORE", keys.leases(bench.shard), lease.id)
    assert int(due) == NOON + 29_000_000 + bench.engine.lease_us


async def test_moved_lease_holds_in_the_window_of_its_admission(bench: Bench) -> None:
    both, old, new = sides(bench)
    daily = bench.limit("cost", "day", 10_000, models=("m2",))
    lease = await first(bench, both, old)
    bench.at(NOON + 3 * DAY)
    lease = await moved(bench, lease, bench.chain(both, new, daily))
    assert await all_figures(bench, both, daily) == [None, None]
    bench.at(NOON)
    assert await all_figures(bench, both, daily, new) == [(0, 50, 1), (0, 900, 1), (0, 900, 1)]
    bench.at(NOON + 3 * DAY)
    await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}")
    bench.at(NOON)
    assert await all_figures(bench, both, daily, new) == [(3, 0, 0), (3, 0, 0), (3, 0, 0)]


async def test_moved_lease_follows_a_calendar_that_was_changed(bench: Bench) -> None:
    daily = bench.limit("tokens", "day", 1_000)
    lease = await first(bench, daily)
    lease = await moved(bench, lease, bench.chain(daily, calendar=Calendar("Asia/Tokyo")))
    assert await bench.figures(daily) == (0, 0, 0)
    await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}")
    assert await bench.figures(daily) == (0, 0, 0)
    [tokyo] = lease.counters
    assert await bench.link.call("EXISTS", tokyo)


async def test_each_end_user_has_counters_of_its_own_on_the_new_side(bench: Bench) -> None:
    each: dict[str, Any] = {"level": "end_user", "parent": "organization", "user": ANY_USER}
    new = bench.limit("output_tokens", "day", 100, models=("m2",), **each)
    slots = bench.limit("concurrency", None, 1, models=("m2",), **each)
    old = bench.limit("output_tokens", "day", 100, models=("m1",), **each)
    bench.spent_by_user = {"ada": 75}
    ada = await first(bench, old, end_user="ada", amounts=Amounts(output_tokens=10))
    bob = await first(bench, old, end_user="bob", amounts=Amounts(output_tokens=10))
    refusal = await refused(bench, ada, bench.chain(new, slots), end_user="ada")
    assert refusal.standing.limit.object_name == "ada"
    ada = await moved(bench, ada, bench.chain(new, slots), Amounts(output_tokens=25), end_user="ada")
    bob = await moved(bench, bob, bench.chain(new, slots), end_user="bob")
    own = [new.for_user("ada"), new.for_user("bob"), old.for_user("ada"), slots.for_user("ada")]
    assert await all_figures(bench, *own) == [(75, 25, 1), (0, 30, 1), (75, 0, 0), (0, 1, 1)]
    for lease in (ada, bob):
        await bench.engine.settle(lease, used=Amounts(output_tokens=4), event=b"{}")
    assert await all_figures(bench, *own) == [(79, 0, 0), (4, 0, 0), (75, 0, 0), (0, 0, 0)]


async def test_limit_on_each_end_user_may_be_on_the_new_side_alone(bench: Bench) -> None:
    each: dict[str, Any] = {"level": "end_user", "parent": "organization", "user": ANY_USER}
    old, new = bench.limit("tokens", "day", 1_000), bench.limit("requests", "minute", 2, burst=1, **each)
    lease = await moved(bench, await first(bench, old, end_user="ada"), bench.chain(new), end_user="ada")
    other = await first(bench, old, end_user="ada")
    await refused(bench, other, bench.chain(new), end_user="ada")
    await moved(bench, await first(bench, old, end_user="bob"), bench.chain(new), end_user="bob")
    await bench.engine.settle(lease, used=Amounts(), event=b"{}")


async def test_limit_that_was_made_since_is_kept_where_it_counts_the_new_target_too(bench: Bench) -> None:
    _, old, new = sides(bench)
    since = bench.limit("output_tokens", "day", 1_000)
    since_old = bench.limit("output_tokens", "day", 1_000, models=("m1",))
    lease = await first(bench, old)
    await first(bench, old, since, since_old)
    assert await all_figures(bench, since, since_old) == [(0, 80, 2), (0, 80, 2)]
    lease = await moved(bench, lease, bench.chain(new, since))
    assert await all_figures(bench, since, since_old, old) == [(0, 70, 2), (0, 40, 1), (0, 600, 1)]
    await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}")
    assert await all_figures(bench, since, since_old) == [(2, 40, 1), (0, 40, 1)]


async def test_limit_made_after_the_move_counts_the_call_by_its_new_model(bench: Bench) -> None:
    both, old, new = sides(bench)
    since = bench.limit("output_tokens", "day", 1_000, models=("m2",))
    since_old = bench.limit("output_tokens", "day", 1_000, models=("m1",))
    lease = await moved(bench, await first(bench, both, old), bench.chain(both, new))
    other = await first(bench, since, since_old, amounts=Amounts())
    assert await all_figures(bench, since, since_old) == [(0, 30, 2), (0, 0, 1)]
    await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}")
    assert await all_figures(bench, both, new, since, since_old) == [
        (3, 0, 0), (3, 0, 0), (2, 0, 1), (0, 0, 1),
    ]  # fmt: skip
    await bench.engine.settle(other, used=Amounts(), event=b"{}")


async def test_counters_that_were_dropped_are_seeded_before_the_move(bench: Bench) -> None:
    both, old, new = sides(bench)
    requests = bench.limit("requests", "minute", 6, burst=3, models=("m2",))
    lease = await first(bench, both, old)
    await bench.start(lost=True)
    bench.spent = 2
    lease = await moved(bench, lease, bench.chain(both, new, requests))
    assert await all_figures(bench, both, old, new) == [(2, 50, 1), None, (2, 900, 1)]
    await refused(bench, await first(bench), bench.chain(requests))
    bench.spent = 0
    await first(bench, old)  # the second call of m1; the moved one is none any more
    assert await bench.figures(old) == (0, 1_200, 2)


async def test_store_that_lost_a_moved_lease_has_it_restored_under_its_new_limits(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await moved(bench, await first(bench, both, old), bench.chain(both, new))
    await bench.link.call("DEL", keys.lease(bench.shard, lease.id))
    await bench.link.call("ZREM", keys.leases(bench.shard), lease.id)
    await bench.start(lost=True)
    await first(bench, both, old, new, amounts=Amounts())
    assert await bench.engine.restore(lease, bench.opening(model="m2"))
    assert await all_figures(bench, both, old, new) == [(0, 50, 2), (0, 0, 1), (0, 900, 2)]
    await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}")
    assert await all_figures(bench, both, old, new) == [(3, 0, 1), (0, 0, 1), (3, 0, 1)]


async def test_lease_from_a_journal_is_moved_on_by_what_the_seeds_found(bench: Bench) -> None:
    both, old, new = sides(bench)
    requests = bench.limit("requests", "minute", 6, burst=2)
    lease = await first(bench, both, old, requests)
    await bench.link.call("DEL", keys.lease(bench.shard, lease.id))
    await bench.start(lost=True)
    arguments: list[str | bytes | int] = [
        bench.engine.now_us, "lease", lease.id, bench.opening(model="m1"), 30_000_000, NOON, 20, 40, 600, "[]",
    ]  # fmt: skip
    assert await bench.link.run(RESTORE, call_keys(bench.shard, lease.id), arguments) == b"OK"
    await first(bench, old, amounts=Amounts())
    lease = await moved(bench, lease, bench.chain(both, new, requests))
    assert await all_figures(bench, both, old, new) == [(0, 50, 2), (0, 0, 1), (0, 900, 1)]
    await bench.engine.settle(lease, used=Amounts(1, 2, 3), event=b"{}")
    assert await all_figures(bench, both, old, new) == [(3, 0, 1), (0, 0, 1), (3, 0, 0)]


async def test_lease_that_moves_while_a_counter_is_seeded_is_looked_up_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, old, new = sides(bench)
    late = bench.limit("output_tokens", "day", 1_000, models=("m1",))
    lease = await first(bench, both, old)
    await first(bench, new, amounts=Amounts())  # so that the move itself seeds nothing
    loop = asyncio.get_running_loop()
    looks: list[int] = []
    look_up = seeds.open_leases

    def and_then_it_moves(shard: int) -> list[seeds.Open]:
        found = look_up(shard)
        if not looks:
            asyncio.run_coroutine_threadsafe(moved(bench, lease, bench.chain(both, new)), loop).result(5)
        looks.append(shard)
        return found

    monkeypatch.setattr(seeds, "open_leases", and_then_it_moves)
    await bench.seed(bench.chain(late), bench.chain(late).unseeded(0, 0))
    assert len(looks) == 2
    assert await bench.figures(late) == (0, 0, 1)


async def test_newer_version_or_generation_is_stale_for_a_move(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    for key in (
        keys.version(bench.shard, bench.organization),
        keys.generation(bench.shard, bench.key),
    ):
        await bench.engine.publish(bench.shard, key, 2)
        with pytest.raises(Stale):
            await retarget(bench, lease, bench.chain(both, new))
        await bench.link.call("SET", key, 1)
    await moved(bench, lease, bench.chain(both, new))


async def test_closed_shard_and_one_that_is_behind_move_nothing(bench: Bench) -> None:
    both, old, new = sides(bench)
    lease = await first(bench, both, old)
    await bench.link.call("HINCRBY", keys.meta(bench.shard), "seq", -1)
    with pytest.raises(StoreUnavailable):
        await retarget(bench, lease, bench.chain(both, new))
    await bench.link.call("HDEL", keys.meta(bench.shard), "epoch")
    with pytest.raises(StoreUnavailable):
        await retarget(bench, lease, bench.chain(both, new))
    assert await all_figures(bench, both, old) == [(0, 60, 1), (0, 600, 1)]


async def test_call_admitted_locally_moves_only_within_what_its_share_covers(bench: Bench) -> None:
    limit, other = bench.limit("tokens", "day", 100), bench.limit("tokens", "day", 100, models=("m2",))
    chain = bench.chain(limit)
    lease = Lease(str(uuid.uuid4()), chain, "", NOON, Amounts(10, 10), figures=(), local=True)
    fits = await moved(bench, lease, bench.chain(limit), Amounts(10, 5, 999))
    assert (fits.amounts, fits.local, fits.counters) == (Amounts(10, 5, 999), True, lease.counters)
    for asked, amounts in ((chain, Amounts(10, 11)), (bench.chain(limit, other), Amounts(1, 1))):
        with pytest.raises(StoreUnavailable):
            await retarget(bench, lease, asked, amounts)


async def test_script_names_counters_that_hold_the_lease_and_were_not_sent(bench: Bench) -> None:
    both, old, _ = sides(bench)
    lease = await first(bench, both, old)
    move = Move.of(lease, bench.chain(both), None, OTHER)
    arguments: list[str | bytes | int] = [
        bench.engine.now_us, "", 0, 1, 1, lease.id, 30_000_000, b"{}", b"{}", 20, 30, 900, *move.limits(),
    ]  # fmt: skip
    reply = await bench.link.run(RETARGET, move.script_keys(), arguments)
    assert reply == [b"MORE", NOON, lease.counters[1].encode()]
    reply = await bench.link.run(RETARGET, [*move.script_keys(), lease.counters[1]], arguments)
    assert (reply[0], reply[4:]) == (b"OK", [0, 50])
    record = await bench.link.call("HGETALL", keys.lease(bench.shard, lease.id))
    fields = dict(zip(record[::2], record[1::2], strict=True))
    assert (fields[b"k"].decode().split("\n"), fields[b"m"]) == (lease.counters[:1], b"1")
    assert orjson.loads(fields[b"s"]) == orjson.loads(move.chain.spec())


async def test_keys_of_a_move_are_all_of_one_slot(bench: Bench) -> None:
    each: dict[str, Any] = {"level": "end_user", "parent": "organization", "user": ANY_USER}
    chain = bench.chain(bench.limit("tokens", "day", 9, **each), bench.limit("tokens", "minute", 9))
    move = Move.of(await first(bench), chain, "ada", OTHER)
    assert all(f"{{{bench.shard}}}" in key for key in move.script_keys())
    assert len(move.script_keys()) == 6 + 3
