"""EXTEND: more for a call in flight, from all its limits or from none."""

import pytest

from orbit.lib.redis import StoreUnavailable
from quotas import keys
from quotas.chain import Lease, Refusal
from quotas.engine import Gone
from quotas.limits import Amounts
from tests.quotas.conftest import NOON, Bench
from tests.quotas.test_settle_script import lapse


async def extend(bench: Bench, lease: Lease, more: int) -> Lease | Refusal:
    amounts = Amounts(output_tokens=more, cost_nano=2 * more)
    return await bench.engine.extend(lease, amounts, event=b'{"more": 1}', refusal=b"{}")


async def extended(bench: Bench, lease: Lease, more: int) -> Lease:
    found = await extend(bench, lease, more)
    assert isinstance(found, Lease)
    return found


async def test_extension_takes_from_every_limit_or_from_none(bench: Bench) -> None:
    tokens, smooth = bench.limit("output_tokens", "day", 100), bench.limit("tokens", "minute", 300)
    cost, slots = bench.limit("cost", "month", 150), bench.limit("concurrency", None, 5)
    calls = bench.limit("requests", "minute", 9)
    chain = bench.chain(calls, tokens, smooth, cost, slots)
    lease = await bench.admitted(chain, Amounts(output_tokens=10, cost_nano=20))
    lease = await extended(bench, lease, 50)
    assert [await bench.figures(one) for one in (tokens, smooth, cost, slots)] == [
        (0, 60, 1), (0, 60, 1), (0, 120, 1), (0, 1, 1),
    ]  # fmt: skip
    refusal = await extend(bench, lease, 20)
    assert isinstance(refusal, Refusal)
    assert (refusal.standing.limit, refusal.standing.held, refusal.standing.held_calls) == (cost, 120, 1)
    assert await bench.figures(tokens) == (0, 60, 1)
    await bench.engine.settle(lease, used=Amounts(output_tokens=55, cost_nano=110), event=b"{}")
    assert [(await bench.counter(one)) and (await bench.figures(one)) for one in (tokens, cost, slots)] == [
        (55, 0, 0), (110, 0, 0), (0, 0, 0),
    ]  # fmt: skip


async def test_extension_whose_reply_was_lost_is_not_taken_twice_and_leaks_nothing(bench: Bench) -> None:
    limit = bench.limit("output_tokens", "day", 100)
    lease = await bench.admitted(bench.chain(limit), Amounts(output_tokens=10))
    await extended(bench, lease, 50)
    again = await extended(bench, lease, 50)
    assert await bench.figures(limit) == (0, 60, 1)
    assert again.amounts.output_tokens == 60
    await bench.engine.settle(lease, used=Amounts(output_tokens=12), event=b"{}")  # it knows of ten
    assert await bench.figures(limit) == (12, 0, 0)


async def test_reaper_charges_what_was_extended(bench: Bench) -> None:
    limit = bench.limit("output_tokens", "day", 100)
    lease = await bench.admitted(bench.chain(limit), Amounts(output_tokens=10))
    await extended(bench, lease, 50)
    assert lapse(bench, lease) == 1
    assert await bench.figures(limit) == (60, 0, 0)
    [event] = await bench.events()
    assert '"more":1' in event["e"]
    with pytest.raises(Gone):
        await extend(bench, lease, 60)


async def test_extension_goes_to_the_window_of_its_reservation(bench: Bench) -> None:
    limit = bench.limit("output_tokens", "day", 100)
    lease = await bench.admitted(bench.chain(limit), Amounts(output_tokens=10))
    bench.at(NOON + 86_400_000_000)
    await extended(bench, lease, 50)
    assert await bench.figures(limit) is None
    bench.at(NOON)
    assert await bench.figures(limit) == (0, 60, 1)


async def test_extension_counts_on_a_limit_that_was_made_since(bench: Bench) -> None:
    old, new = bench.limit("requests", "day", 10), bench.limit("output_tokens", "day", 100)
    lease = await bench.admitted(bench.chain(old), Amounts(output_tokens=60))
    await bench.refused(bench.chain(old, new), Amounts(output_tokens=60))
    assert isinstance(await extend(bench, lease, 50), Refusal)
    await extended(bench, lease, 30)
    assert await bench.figures(new) == (0, 90, 1)


async def test_extension_seeds_a_counter_that_was_dropped(bench: Bench) -> None:
    limit = bench.limit("output_tokens", "day", 100)
    lease = await bench.admitted(bench.chain(limit), Amounts(output_tokens=10))
    await bench.start(lost=True)
    await extended(bench, lease, 50)
    assert await bench.figures(limit) == (0, 60, 1)


async def test_closed_shard_extends_nothing(bench: Bench) -> None:
    lease = await bench.admitted(bench.chain(bench.limit("tokens", "day", 100)), Amounts(output_tokens=10))
    await bench.link.call("HDEL", keys.meta(bench.shard), "epoch")
    with pytest.raises(StoreUnavailable):
        await extend(bench, lease, 1)
