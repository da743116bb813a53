"""The meter of one stream, with a store that answers when the test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orbit.lib.errors import Code
from orbit.lib.redis import StoreUnavailable
from proxy.admission import Admission
from proxy.metering import AHEAD, LARGEST_STEP, SMALLEST_STEP, LimitReached, Meter
from proxy.output import Output
from proxy.supervisor import Supervisor
from quotas import tokens
from quotas.chain import Chain, Lease, Refusal, Standing
from quotas.engine import Gone
from quotas.limits import Amounts, Calendar, Limit
from quotas.needs import Need
from quotas.prices import Rates

LIMIT = Limit("daily", "key", "k", "app/main", "output_tokens", "day", 10_000, 10_000)
WORD = " word"  # one token


@dataclass
class Store:
    """Stands for the engine: gives `free` tokens more, once `open` is set."""

    free: float = float("inf")
    error: Exception | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[int] = field(default_factory=list)

    async def extend(self, lease: Lease, more: Amounts, **event: Any) -> Lease | Refusal:
        self.asked.append(more.output_tokens)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        if more.output_tokens > self.free:
            return Refusal(Standing(LIMIT, 10_000, 10_000, 9_000, 900, 3, None), None, 0)
        self.free -= more.output_tokens
        held = lease.amounts
        return lease.holding(
            Amounts(
                held.input_tokens,
                held.output_tokens + more.output_tokens,
                held.cost_nano + more.cost_nano,
            )
        )


@dataclass
class Stream:
    store: Store
    meter: Meter
    output: Output
    grown: list[int]  # what the journal was told of

    def write(self, words: int) -> bool:
        """Whether the meter must be asked after so many more words."""
        self.output.add(WORD * words)
        return self.output.size > self.meter.until

    async def stuck(self) -> bool:
        """Whether the relay has to wait for the store."""
        asked = asyncio.ensure_future(self.meter.allow())
        for _ in range(20):
            await asyncio.sleep(0)
        waits = not asked.done()
        asked.cancel()
        await asyncio.wait({asked})
        return waits

    async def run(self, words: int, at_once: int = 10) -> int:
        """Writes so many words; returns how many had room."""
        for done in range(0, words, at_once):
            if self.write(at_once):
                try:
                    await self.meter.allow()
                except LimitReached:
                    return done
        return words


def stream(held: int, cap: int = 100_000, price: int = 0, **store: Any) -> Stream:
    rates = Rates.parse({"input": 0, "output": price}, "1")
    target = SimpleNamespace(model="gpt-4o-mini", rates=rates)
    call = SimpleNamespace(
        output_most=cap, need=Need(10, cap), target=target, spares=(), end_user=None, principal=None,
        model="m", body={},
    )  # fmt: skip
    call.principal = SimpleNamespace(refusals={"m": b"{}"})
    chain = Chain.at(0, "o", "k", [], Calendar(), 0)
    amounts = Amounts(10, held, held * price // 1_000_000)
    lease = Lease("l", chain, "", 0, amounts, ())
    admission = Admission(cast("Any", call), lease, {"detail": {}})
    made, output = Store(**store), Output("gpt-4o-mini")
    grown: list[int] = []
    journal = SimpleNamespace(grown=lambda shard, lease, event: grown.append(shard))
    meter = Meter(cast("Any", made), Supervisor(), cast("Any", journal), admission, output)
    return Stream(made, meter, output, grown)


def run(work: Coroutine[Any, Any, None]) -> None:
    tokens.count(WORD)  # its vocabulary is loaded
    asyncio.run(work)


def test_stream_within_its_reservation_asks_for_nothing() -> None:
    async def work() -> None:
        flow = stream(1_000)
        assert await flow.run(900) == 900
        assert flow.store.asked == []

    run(work())


def test_reservation_is_extended_before_it_is_used_and_holds_nobody_up() -> None:
    async def work() -> None:
        flow = stream(1_000)
        assert await flow.run(950) == 950  # the store has been asked, and has not answered
        await asyncio.sleep(0)
        assert len(flow.store.asked) == 1
        assert flow.meter.held == 1_000
        assert not await flow.stuck()

    run(work())


def test_relay_waits_only_for_what_has_no_room() -> None:
    async def work() -> None:
        flow = stream(1_000)
        flow.write(1_100)
        assert await flow.stuck()
        flow.store.open.set()
        await flow.meter.allow()
        assert flow.meter.held >= 1_100

    run(work())


def test_one_question_at_a_time_and_larger_ones_as_the_stream_grows() -> None:
    async def work() -> None:
        flow = stream(100)
        flow.store.open.set()
        assert await flow.run(80_000, at_once=40) == 80_000
        steps = flow.store.asked[:-1]
        assert steps == sorted(steps)
        assert max(steps) <= LARGEST_STEP
        assert len(steps) < 15

    run(work())


def test_more_than_the_provider_may_write_is_never_held() -> None:
    async def work() -> None:
        flow = stream(100, cap=1_000)
        flow.store.open.set()
        assert await flow.run(5_000) == 5_000  # a provider that does not keep to its cap is not ours to cut
        assert flow.meter.held == 1_000
        assert flow.meter.until == float("inf")

    run(work())


def test_cost_is_extended_with_the_tokens_and_the_input_is_not() -> None:
    async def work() -> None:
        flow = stream(100, price=2_000_000)
        flow.store.open.set()
        await flow.run(500)
        amounts = flow.meter.admission.reserved
        assert amounts.input_tokens == 10
        assert amounts.cost_nano == 2 * amounts.output_tokens
        assert flow.meter.admission.opened["detail"]["reserved"]["output_tokens"] == amounts.output_tokens
        assert flow.meter.admission.opened["cost_nano"] == amounts.cost_nano

    run(work())


def test_refused_stream_goes_on_until_its_reservation_is_used() -> None:
    async def work() -> None:
        flow = stream(1_000, free=0)
        flow.store.open.set()
        assert await flow.run(2_000) == 1_000
        assert flow.meter.held == 1_000
        assert flow.store.asked[-1] <= SMALLEST_STEP
        with pytest.raises(LimitReached) as raised:
            await flow.meter.allow()
        error = raised.value.error
        assert error.code is Code.LIMIT_REACHED
        assert "'daily'" in error.message
        assert (error.data["limit"], error.data["spent"], error.data["held"]) == ("daily", 9_000, 900)

    run(work())


def test_what_a_limit_still_has_is_taken_in_smaller_steps() -> None:
    async def work() -> None:
        flow = stream(1_000, free=300)
        flow.store.open.set()
        had_room = await flow.run(3_000)
        assert 1_300 - 2 * SMALLEST_STEP <= had_room <= 1_300
        assert flow.meter.held <= 1_300

    run(work())


def test_store_that_is_away_ends_the_stream_only_when_its_room_is_used() -> None:
    async def work() -> None:
        flow = stream(1_000, error=StoreUnavailable("away"))
        flow.store.open.set()
        assert await flow.run(960) == 960
        flow.store.error = None
        assert await flow.run(960) == 960  # it came back in time
        flow.store.error = StoreUnavailable("away")
        assert 0 < await flow.run(100_000) < 100_000
        with pytest.raises(LimitReached) as raised:
            await flow.meter.allow()
        assert raised.value.error.code is Code.LIMITER_UNAVAILABLE

    run(work())


def test_lapsed_lease_gets_no_more() -> None:
    async def work() -> None:
        flow = stream(1_000, error=Gone())
        flow.store.open.set()
        assert await flow.run(2_000) == 1_000
        assert len(flow.store.asked) == 1

    run(work())


def test_fault_of_our_own_ends_the_stream_and_asks_once() -> None:
    async def work() -> None:
        flow = stream(100, error=ValueError("a bug"))
        flow.store.open.set()
        flow.write(200)
        with pytest.raises(LimitReached):
            await flow.meter.allow()
        assert len(flow.store.asked) == 1

    run(work())


def test_providers_running_figure_takes_the_place_of_counting() -> None:
    async def work() -> None:
        flow = stream(1_000)
        for _ in range(10):
            flow.write(500)
            flow.output.believe(flow.output.said + 50)
        assert (flow.meter.used, flow.output.unknown, flow.output.texts) == (500, 0, [])
        await flow.meter.allow()
        assert flow.store.asked == []
        flow.write(10)  # what comes after the figure counts on top
        assert flow.meter.used == 500 + 10 * len(WORD)
        assert await flow.output.tokens() == 510

    run(work())


def test_figure_that_does_not_grow_covers_nothing() -> None:
    async def work() -> None:
        output = Output("gpt-4o-mini")
        output.believe(0)
        output.add(WORD * 100)
        output.believe(0)
        assert output.bound == 100 * len(WORD)
        assert await output.tokens() == 100

    run(work())


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "🎈" * 30_000, " \n" * 90_000], ids=["letter", "signs", "blanks"]
)
def test_bound_is_never_below_the_count(text: str) -> None:
    async def work() -> None:
        output = Output("gpt-4o-mini")
        for at in range(0, len(text), 7):
            output.add(text[at : at + 7])
        bound = output.bound
        await output.count()
        assert 0 < output.bound <= bound
        assert output.unknown == 0

    run(work())


def test_text_written_while_the_rest_is_counted_stays_unknown() -> None:
    async def work() -> None:
        output = Output("gpt-4o-mini")
        output.add(WORD * 5_000)
        counting = asyncio.ensure_future(output.count())
        await asyncio.sleep(0)
        output.add(WORD * 100)
        assert output.bound == 5_100 * len(WORD)
        assert await output.tokens() == 5_100  # nothing is lost should the stream end now
        await counting
        assert output.bound == 5_000 + 100 * len(WORD)
        assert await output.tokens() == 5_100

    run(work())


def test_meter_of_a_short_habit_does_not_ask_at_once() -> None:
    async def work() -> None:
        flow = stream(20)
        assert AHEAD > 20
        assert await flow.run(14, at_once=1) == 14
        assert flow.store.asked == []

    run(work())


async def test_every_extension_is_in_the_journal() -> None:
    made = stream(held=300)
    made.store.open.set()
    assert await made.run(2_000) == 2_000
    assert len(made.grown) == len(made.store.asked)
