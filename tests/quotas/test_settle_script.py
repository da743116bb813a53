"""SETTLE: once, with its event, whatever is repeated or late."""

import json
from dataclasses import replace

from django.conf import settings
from redis import Redis

from quotas import keys
from quotas.chain import Lease
from quotas.engine import Booked
from quotas.limits import Amounts
from quotas.tasks import expire
from tests.quotas.conftest import NOON, Bench


def lapse(bench: Bench, lease: Lease) -> int:
    """Ends the lease as the reaper does; it is made due."""
    store = Redis.from_url(settings.REDIS_URL)
    store.zadd(keys.leases(bench.shard), {lease.id: 1})
    done = expire(store, bench.shard, lease.id, bench.engine.now_us)
    store.close()
    return done


async def test_settlement_replaces_the_reservation_and_appends_the_event(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=400, output_tokens=400))
    outcome, stream_id = await bench.engine.settle(lease, used=Amounts(30, 4), event=b'{"x": 1}')
    assert outcome == "OK"
    assert stream_id
    assert await bench.figures(limit) == (34, 0, 0)
    [event] = await bench.events()
    assert (json.loads(event["e"]), event["k"], int(event["t"])) == ({"x": 1}, "call", NOON)


async def test_settling_again_changes_nothing(bench: Bench) -> None:
    limit = bench.limit("cost", "month", 10**12)
    lease = await bench.admitted(bench.chain(limit), Amounts(cost_nano=500))
    for _ in range(3):
        await bench.engine.settle(lease, used=Amounts(cost_nano=120), event=b"{}")
    assert await bench.figures(limit) == (120, 0, 0)
    assert len(await bench.events()) == 1


async def test_lapsed_lease_is_charged_what_it_reserved(bench: Bench) -> None:
    limit, slots = bench.limit("tokens", "day", 1_000), bench.limit("concurrency", None, 1)
    lease = await bench.admitted(
        bench.chain(limit, slots), Amounts(input_tokens=70), event=b'{"status": "lease_expired"}'
    )
    assert lapse(bench, lease) == 1
    assert await bench.figures(limit) == (70, 0, 0)
    assert await bench.figures(slots) == (0, 0, 0)
    [event] = await bench.events()
    assert json.loads(event["e"]) == {"status": "lease_expired", "admitted_us": NOON}


async def test_two_reapers_end_a_lease_once(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    assert [lapse(bench, lease), lapse(bench, lease)] == [1, 0]
    assert await bench.figures(limit) == (70, 0, 0)
    assert len(await bench.events()) == 1


async def test_reaper_leaves_a_live_lease_alone(bench: Bench) -> None:
    chain = bench.chain(bench.limit("concurrency", None, 1))
    lease = await bench.admitted(chain)
    store = Redis.from_url(settings.REDIS_URL)
    store.zadd(keys.leases(bench.shard), {lease.id: 2**53 - 1})
    assert expire(store, bench.shard, lease.id) == 0
    store.close()
    await bench.refused(chain)


async def test_late_settlement_corrects_the_charge_once(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    lapse(bench, lease)
    assert (await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}"))[0] == "LATE"
    assert (await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}"))[0] == "DONE"
    assert await bench.figures(limit) == (20, 0, 0)
    assert [event["k"] for event in await bench.events()] == ["call", "late"]


async def test_settlement_goes_to_the_window_of_its_reservation(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    bench.at(NOON + 86_400_000_000)
    await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}")
    assert await bench.figures(limit) is None
    bench.at(NOON)
    assert await bench.figures(limit) == (20, 0, 0)


async def forget(bench: Bench, lease: Lease) -> None:
    """As a store does that lost its data and was opened anew, with the day's counter seeded again."""
    await bench.link.call("DEL", keys.lease(bench.shard, lease.id))
    await bench.link.call("ZREM", keys.leases(bench.shard), lease.id)
    await bench.start(lost=True)
    await bench.admitted(lease.chain)


async def test_settlement_that_store_and_ledger_forgot_is_charged_and_recorded(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    await forget(bench, lease)
    for expected in ("OK", "DONE"):
        assert (await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}"))[0] == expected
    assert await bench.figures(limit) == (20, 0, 1)
    assert [event["k"] for event in await bench.events()] == ["call"]


async def test_settlement_that_only_the_ledger_knows_changes_nothing(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    bench.spent, bench.booked = 20, Booked(lapsed=False, amounts=Amounts(20))
    await forget(bench, lease)
    assert (await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}"))[0] == "DONE"
    assert await bench.figures(limit) == (20, 0, 1)
    assert await bench.events() == []


async def test_settlement_of_what_the_ledger_holds_as_lapsed_charges_the_difference(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    bench.spent, bench.booked = 70, Booked(lapsed=True, amounts=Amounts(70))
    await forget(bench, lease)
    assert (await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}"))[0] == "LATE"
    assert await bench.figures(limit) == (20, 0, 1)
    [event] = await bench.events()
    assert (event["k"], event["d"]) == ("late", "-50 0 0")


async def test_lease_that_was_brought_back_holds_again_and_settles(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    await forget(bench, lease)
    assert await bench.engine.restore(lease, bench.opening())
    assert not await bench.engine.restore(lease, bench.opening())
    assert await bench.figures(limit) == (0, 70, 2)
    await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}")
    assert await bench.figures(limit) == (20, 0, 1)
    assert not await bench.engine.restore(lease, bench.opening())


async def test_lease_brought_back_before_its_counter_is_seeded_is_in_the_seed(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    await bench.link.call("DEL", keys.lease(bench.shard, lease.id), keys.leases(bench.shard))
    await bench.start(lost=True)
    assert await bench.engine.restore(lease, bench.opening())
    assert await bench.figures(limit) is None
    await bench.admitted(lease.chain)
    assert await bench.figures(limit) == (0, 70, 2)
    await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}")
    assert await bench.figures(limit) == (20, 0, 1)


async def test_renewal_prolongs_open_leases_and_names_the_others(bench: Bench) -> None:
    lease = await bench.admitted(bench.chain(bench.limit("concurrency", None, 1)))
    bench.at(NOON + 10_000_000)
    gone = replace(lease, id="gone")
    assert (await bench.engine.renew(bench.shard, [lease, gone])).gone == ["gone"]
    due = await bench.link.call("ZSCORE", keys.leases(bench.shard), lease.id)
    assert int(due) == NOON + 40_000_000


async def test_renewal_tells_the_newest_version_and_generation(bench: Bench) -> None:
    lease = await bench.admitted(bench.chain(bench.limit("concurrency", None, 1)))
    found = await bench.engine.renew(bench.shard, [lease])
    assert (found.versions, found.generations) == ({bench.organization: 1}, {bench.key: 1})
    await bench.engine.publish(bench.shard, keys.version(bench.shard, bench.organization), 7)
    await bench.link.call("DEL", keys.generation(bench.shard, bench.key))
    found = await bench.engine.renew(bench.shard, [lease])
    assert (found.versions, found.generations) == ({bench.organization: 7}, {bench.key: None})


async def test_thousands_of_leases_and_keys_are_renewed_in_one_call(bench: Bench) -> None:
    lease = await bench.admitted(bench.chain(bench.limit("concurrency", None, 1)))
    others = [
        replace(lease, id=f"lease-{number}", chain=replace(lease.chain, key_id=f"key-{number}"))
        for number in range(2_500)
    ]
    opened = [argument for one in others for argument in (NOON, one.id)]
    await bench.link.call("ZADD", keys.leases(bench.shard), *opened[:-2])
    bench.at(NOON + 10_000_000)
    found = await bench.engine.renew(bench.shard, [lease, *others])
    assert found.gone == ["lease-2499"]
    assert len(found.generations) == 2_501
    assert found.generations[bench.key] == 1
    assert await bench.link.call("ZCOUNT", keys.leases(bench.shard), NOON + 40_000_000, "+inf") == 2_500


async def test_cancelled_reservation_leaves_nothing(bench: Bench) -> None:
    limit, slots = bench.limit("tokens", "day", 1_000), bench.limit("concurrency", None, 1)
    chain = bench.chain(limit, slots)
    lease = await bench.admitted(chain, Amounts(input_tokens=70), end_user="ada")
    for _ in range(2):
        await bench.engine.cancel(chain, lease.id, "ada")
    assert await bench.figures(limit) == (0, 0, 0)
    assert await bench.figures(slots) == (0, 0, 0)
    assert await bench.events() == []
    assert not await bench.engine.restore(lease, bench.opening())


async def test_cancelling_what_was_settled_changes_nothing(bench: Bench) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70))
    await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}")
    await bench.engine.cancel(lease.chain, lease.id, None)
    assert await bench.figures(limit) == (20, 0, 0)


async def test_late_settlement_counts_on_a_limit_that_was_made_since(bench: Bench) -> None:
    old, new = bench.limit("requests", "day", 10), bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(old), Amounts(input_tokens=70))
    await bench.refused(bench.chain(old, new), Amounts(input_tokens=999))
    lapse(bench, lease)
    assert (await bench.engine.settle(lease, used=Amounts(input_tokens=20), event=b"{}"))[0] == "LATE"
    assert await bench.figures(new) == (20, 0, 0)
