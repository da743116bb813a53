"""What a call costs, in integers, rounded up once."""

from hypothesis import given
from hypothesis import strategies as st

from quotas.models import Price
from quotas.prices import MILLION, Rates, seed

MINI = Rates.parse({"input": 150_000_000, "cached_input": 75_000_000, "output": 600_000_000}, "test")
TIERED = Rates.parse(
    {"input": 100, "output": 200, "tiers": [{"above_input_tokens": 1000, "input": 300, "output": 400}]},
    "test",
)


def test_cost_counts_each_kind_of_token_at_its_rate() -> None:
    assert MINI.cost_nano(1_000_000, 0) == 150_000_000
    assert MINI.cost_nano(1_000_000, 1_000_000, cached=500_000) == 712_500_000


def test_cost_is_rounded_up_once_a_call() -> None:
    assert Rates.parse({"input": 1}, "test").cost_nano(1, 0) == 1
    assert Rates.parse({"input": 1}, "test").cost_nano(MILLION, 0) == 1
    assert Rates.parse({"input": 1}, "test").cost_nano(MILLION + 1, 0) == 2


def test_tier_prices_the_whole_call() -> None:
    assert TIERED.cost_nano(1000, 0) == 1
    assert TIERED.cost_nano(1_000_000, 0) == 300


tokens = st.integers(min_value=0, max_value=10**7)


@given(reserved_in=tokens, reserved_out=tokens, data=st.data(), rates=st.sampled_from([MINI, TIERED]))
def test_no_call_costs_more_than_was_reserved_for_it(
    reserved_in: int, reserved_out: int, data: st.DataObject, rates: Rates
) -> None:
    used_in = data.draw(st.integers(0, reserved_in))
    used_out = data.draw(st.integers(0, reserved_out))
    cached = data.draw(st.integers(0, used_in))
    assert rates.cost_nano(used_in, used_out, cached=cached) <= rates.most_nano(reserved_in, reserved_out)


def test_book_is_seeded_from_the_package_once() -> None:
    pair = {("openai", "gpt-4.1-mini")}
    seed(pair)
    assert seed(pair) == 0
    assert Price.objects.get(provider="openai", model="gpt-4.1-mini").rates["input"] == 400_000_000


def test_unknown_model_has_no_price() -> None:
    assert seed({("openai", "no-such-model-at-all"), ("nobody", "gpt-4o")}) == 0
