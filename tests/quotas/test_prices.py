"""What a call costs: exact integers, rounded up once, and never more than its upper bound."""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Any

import pytest
from genai_prices import Usage, calc_price, data_snapshot
from hypothesis import given
from hypothesis import strategies as st

from orbit.lib import access
from orbit.lib.clock import to_us
from quotas import genai
from quotas.models import Price
from quotas.prices import Target, ceiling, in_force, listed, seed
from quotas.rates import DAY_US, MILLION, NEAR_US, PARTS, UNITS, WHOLES, Rates, scaled

MINI = Rates.parse({"input": 150_000_000, "cached_input": 75_000_000, "output": 600_000_000}, "test")
TIERED = Rates.parse(
    {"input": 100, "output": 200, "tiers": [{"above_input_tokens": 1000, "input": 300, "output": 400}]},
    "test",
)
# the odd prices of a model that has every kind of price
RICH: dict[str, Any] = {
    "input": 2_500_000_001,
    "cached_input": 250_000_003,
    "cache_write": 3_125_000_007,
    "cache_write_1h": 5_000_000_011,
    "input_audio": 32_000_000_013,
    "cached_audio": 400_000_017,
    "output": 10_000_000_019,
    "output_audio": 64_000_000_023,
    "reasoning": 9_000_000_029,
    "tiers": [
        {"above_input_tokens": 200_000, "input": 5_000_000_031, "cached_input": 500_000_003, "output": 1},
        {"above_input_tokens": 1_000_000, "input": 4_000_000_037, "output": 30_000_000_041},
    ],
    "services": {
        "flex": {"input": 1_250_000_043, "output": 5_000_000_047},
        "priority": {"input": 5_000_000_049, "output": 20_000_000_053, "cached_input": 500_000_059},
    },
    "units": {"requests": 7, "web_searches": 10_000_000_001, "seconds": 360_000_001, "images": 40_000_001},
}
DOCUMENTS = st.sampled_from(
    [RICH, {"input": 1}, {"input": 50_000_000, "output": 1}, {"units": {"characters": 15_000_000_001}}]
)
tokens = st.integers(min_value=0, max_value=10**7)
rate = st.integers(min_value=0, max_value=2**53)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any document of rates, with odd figures up to the largest."""

    def table() -> dict[str, Any]:
        return draw(
            st.fixed_dictionaries({"input": rate}, optional=dict.fromkeys((*WHOLES[1:], *PARTS), rate))
        )

    made = table()
    units = draw(st.dictionaries(st.sampled_from(sorted(UNITS)), rate, max_size=3))
    starts = draw(st.lists(st.integers(0, 10**7), unique=True, max_size=3))
    services = draw(st.lists(st.sampled_from(["flex", "priority", "batch"]), unique=True, max_size=2))
    return {
        **made,
        "units": units,
        "tiers": [{"above_input_tokens": start, **table()} for start in starts],
        "services": {name: table() for name in services},
    }


@st.composite
def calls(draw: st.DrawFn, most_in: int = 10**7, most_out: int = 10**7) -> dict[str, Any]:
    """The figures of a call of at most so many tokens, split in any way that adds up."""
    given, made = draw(st.integers(0, most_in)), draw(st.integers(0, most_out))
    cached = draw(st.integers(0, given))
    written = draw(st.integers(0, given - cached))
    left = {"input": given - cached - written, "cached_input": cached, "cache_write": written, "output": made}
    parts = {}
    for name in draw(st.lists(st.sampled_from(sorted(PARTS)), unique=True, max_size=6)):
        parts[name] = draw(st.integers(0, left[PARTS[name]]))
        left[PARTS[name]] -= parts[name]
    return {
        "input_tokens": given,
        "output_tokens": made,
        "cached": cached,
        "cache_write": written,
        "parts": parts,
        "units": draw(
            st.dictionaries(
                st.sampled_from(sorted(UNITS.keys() - {"requests"})), st.integers(0, 10**6), max_size=3
            )
        ),
        "service_tier": draw(st.sampled_from([None, "default", "flex", "priority", "batch", "unheard-of"])),
    }


def in_decimal(document: Mapping[str, Any], call: Mapping[str, Any]) -> Decimal:
    """The same call's cost in nano-units, worked out from the document alone, exactly."""
    chosen = document.get("services", {}).get(call["service_tier"], document)
    units = {**document.get("units", {}), **chosen.get("units", {})}
    for tier in sorted(chosen.get("tiers", ()), key=lambda one: one["above_input_tokens"]):
        if call["input_tokens"] > tier["above_input_tokens"]:
            chosen = tier

    def price(name: str) -> int:
        if name == "cache_write_12h" and name not in chosen and "cache_write_1h" in chosen:
            name = "cache_write_1h"
        if name in chosen:
            return int(chosen[name])
        return price(PARTS[name]) if name in PARTS else int(chosen.get("input", 0))

    counts = {
        "input": call["input_tokens"] - call["cached"] - call["cache_write"],
        "cached_input": call["cached"],
        "cache_write": call["cache_write"],
        "output": call["output_tokens"],
    }
    for name, count in call["parts"].items():
        counts[PARTS[name]] -= count
        counts[name] = count
    total = sum(Decimal(count) * price(name) / MILLION for name, count in counts.items())
    for name, count in {**call["units"], "requests": 1}.items():
        total += Decimal(count) * Decimal(units.get(name, 0)) / UNITS[name]
    return Decimal(total)


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


@given(document=st.one_of(DOCUMENTS, documents()), call=calls())
def test_cost_is_that_of_exact_decimals(document: dict[str, Any], call: dict[str, Any]) -> None:
    with localcontext() as context:
        context.prec = 100
        exact = in_decimal(document, call)
        # a third is no decimal: what differs only after fifty places is the same number
        assert math.ceil(exact.quantize(Decimal(1).scaleb(-50))) == Rates.parse(document, "test").cost_nano(
            **call
        )


def test_sum_of_many_tiny_calls_has_no_drift() -> None:
    """Prices of a few cents per million tokens, calls of a few tokens, sums beyond what floats tell apart."""
    drawn, rates = random.Random(20_261_123), Rates.parse({"input": 50_000_001, "output": 7}, "test")
    total, exact = 2**53 - 1, Decimal(2**53 - 1)
    for _ in range(100_000):
        given, made = drawn.randrange(1, 40), drawn.randrange(40)
        total += rates.cost_nano(given, made)
        exact += (Decimal(given * 50_000_001 + made * 7) / MILLION).to_integral_value(ROUND_CEILING)
    assert total == exact


@given(document=st.one_of(DOCUMENTS, documents()), reserved_in=tokens, reserved_out=tokens, data=st.data())
def test_no_call_costs_more_than_was_reserved_for_it(
    document: dict[str, Any], reserved_in: int, reserved_out: int, data: st.DataObject
) -> None:
    rates = Rates.parse(document, "test")
    call = data.draw(calls(reserved_in, reserved_out))
    most = rates.most_nano(reserved_in, reserved_out, units=call["units"])
    assert rates.cost_nano(**call) <= most


@given(call=calls(), asked=st.sampled_from(["default", "flex", "priority"]))
def test_a_bound_narrowed_to_a_service_tier_holds_for_it_and_for_the_standard(
    call: dict[str, Any], asked: str
) -> None:
    rates = Rates.parse(RICH, "test")
    most = rates.most_nano(
        call["input_tokens"], call["output_tokens"], units=call["units"], service_tier=asked
    )
    for served in ("default", asked):
        assert rates.cost_nano(**{**call, "service_tier": served}) <= most
    assert most <= rates.most_nano(call["input_tokens"], call["output_tokens"], units=call["units"])


@pytest.mark.parametrize("asked", [None, "auto", "unheard-of", 7, ["flex"], {"a": 1}])
def test_a_service_tier_that_is_not_known_narrows_nothing(asked: object) -> None:
    rates = Rates.parse(RICH, "test")
    assert rates.most_nano(1000, 1000, service_tier=asked) == rates.most_nano(1000, 1000)


def test_more_parts_than_there_are_tokens_are_not_charged() -> None:
    rates = Rates.parse(RICH, "test")
    cut = rates.cost_nano(100, 100, parts={"input_audio": 100, "output_audio": 100})
    assert rates.cost_nano(100, 100, parts={"input_audio": 10**9, "output_audio": 10**9}) == cut


def test_longest_cache_lifetime_costs_at_least_what_a_shorter_does() -> None:
    rates = Rates.parse(RICH, "test")
    hour, half_day, plain = (
        rates.cost_nano(10**5, 0, cache_write=10**5, parts=parts)
        for parts in ({"cache_write_1h": 10**5}, {"cache_write_12h": 10**5}, {})
    )
    assert hour == half_day > plain


NIGHT = Rates.parse(
    {
        "input": 100,
        "output": 100,
        "hours": [{"from": "01:00", "until": "04:00", "input": 200, "output": 300}],
    },
    "test",
)
MIDNIGHT = to_us(datetime(2027, 1, 2, tzinfo=UTC))
HOUR = DAY_US // 24


@pytest.mark.parametrize(
    ("since_midnight", "cost"), [(0, 100), (HOUR - 1, 100), (HOUR, 200), (4 * HOUR - 1, 200), (4 * HOUR, 100)]
)
def test_time_of_day_decides_by_the_utc_hour(since_midnight: int, cost: int) -> None:
    assert NIGHT.at(MIDNIGHT + since_midnight).cost_nano(MILLION, 0) == cost


def test_bound_takes_the_dearer_price_only_when_its_hour_is_near() -> None:
    assert NIGHT.most_nano(MILLION, 0, at_us=MIDNIGHT + 12 * HOUR) == 100
    assert NIGHT.most_nano(MILLION, 0, at_us=MIDNIGHT + HOUR - NEAR_US // 2) == 200
    assert NIGHT.most_nano(MILLION, 0, at_us=MIDNIGHT + 4 * HOUR + NEAR_US // 2) == 200
    assert NIGHT.most_nano(MILLION, 0) == 200


def test_bound_takes_the_dearer_of_two_prices_when_their_change_is_near() -> None:
    dear = Rates.parse({"input": 500}, "next")
    rates = replace(Rates.parse({"input": 100}, "now"), valid_until_us=MIDNIGHT, successor=dear)
    assert rates.at(MIDNIGHT - 1).version == "now"
    assert rates.at(MIDNIGHT).version == "next"
    assert rates.most_nano(MILLION, 0, at_us=MIDNIGHT - HOUR) == 100
    assert rates.most_nano(MILLION, 0, at_us=MIDNIGHT - NEAR_US // 2) == 500
    assert rates.most_nano(MILLION, 0, at_us=MIDNIGHT + HOUR) == 500
    assert rates.most_nano(MILLION, 0) == 500


@given(minute=st.integers(0, 1439), drift=st.integers(-NEAR_US + 1, NEAR_US - 1), call=calls(10**6, 10**6))
def test_bound_holds_although_the_call_is_admitted_a_little_later(
    minute: int, drift: int, call: dict[str, Any]
) -> None:
    now = MIDNIGHT + minute * 60_000_000
    most = NIGHT.most_nano(call["input_tokens"], call["output_tokens"], at_us=now)
    assert NIGHT.at(now + drift).cost_nano(**call) <= most


def test_units_without_a_price_are_named() -> None:
    assert Rates.parse(RICH, "test").unpriced({"web_searches": 1, "pages": 2}) == ["pages"]


def test_scaled_prices_every_rate() -> None:
    half = scaled(RICH, Decimal("0.5"))
    assert half["output"] == 5_000_000_010
    assert half["tiers"][0] == {
        "above_input_tokens": 200_000,
        "input": 2_500_000_016,
        "cached_input": 250_000_002,
        "output": 1,
    }
    assert half["services"]["flex"]["input"] == 625_000_022
    assert half["units"]["requests"] == 4


def test_ceiling_is_the_price_of_every_kind_of_token() -> None:
    rates = ceiling({"input": "30.00", "output": "120.00"})
    kinds = {"input_audio": 10, "output_audio": 10}
    assert rates.cost_nano(100, 100, cached=50, parts=kinds) == rates.cost_nano(100, 100) == 100 * 150_000


# the book


def test_book_is_seeded_from_the_package_once() -> None:
    pair = {("openai", "gpt-4.1-mini")}
    seed(pair)
    assert seed(pair) == set()
    assert Price.objects.get(provider="openai", model="gpt-4.1-mini").rates["input"] == 400_000_000


def test_unknown_model_has_no_price() -> None:
    assert seed({("openai", "no-such-model-at-all"), ("nobody", "gpt-4o")}) == set()


def now() -> datetime:
    return datetime.now(UTC)


def package(provider: str, model: str) -> dict[str, Any]:
    return genai.timeline(provider, model, now())[0][1]


def test_service_tiers_are_those_that_the_package_really_prices() -> None:
    assert set(package("openai", "gpt-5.4")["services"]) == {"flex", "priority", "fast", "batch"}
    assert "flex" not in package("openai", "gpt-4o")["services"]  # it would say the standard price
    assert "services" not in package("azure", "gpt-4o")  # another provider's model


def test_package_says_what_time_of_day_costs() -> None:
    document = package("deepseek", "deepseek-v4-pro")
    assert [(one["from"], one["until"]) for one in document["hours"]] == [
        ("01:00", "04:00"),
        ("06:00", "10:00"),
    ]
    assert document["hours"][0]["input"] == 2 * document["input"]


def test_model_that_is_priced_by_units_alone_has_no_price_of_tokens() -> None:
    rates = Rates.parse(package("openai", "whisper-1"), "test")
    assert not rates.priced
    assert rates.cost_nano(0, 0, units={"seconds": 3600}) == 360_000_000


def test_package_never_makes_a_model_free() -> None:
    listed = [
        genai.timeline(owner.id, model.id, now())
        for owner in data_snapshot.get_snapshot().providers
        if owner.id in {"openai", "azure", "groq", "openrouter"}
        for model in owner.models
    ]
    documents = [document for line in listed for _, document in line]
    assert len(documents) > 500
    for document in documents:
        rates = Rates.parse(document, "test")
        assert not rates.priced or rates.cost_nano(MILLION, MILLION) > 0


ORACLE = [
    ("openai", "gpt-4o", None, {}),
    ("openai", "gpt-4o", "priority", {}),
    ("openai", "gpt-5.4", "flex", {}),
    ("openai", "gpt-5.4", None, {}),
    ("openai", "gpt-realtime", None, {"input_audio": 1_200, "output_audio": 300}),
    ("anthropic", "claude-sonnet-4-5", None, {"cache_write_1h": 900}),
    ("deepseek", "deepseek-v4-pro", None, {}),
]


@pytest.mark.parametrize(("provider", "model", "tier", "parts"), ORACLE)
@pytest.mark.parametrize("given", [5_000, 272_000, 272_001, 900_000])
@pytest.mark.parametrize("hour", [0, 2, 12])
def test_our_arithmetic_is_the_packages(
    provider: str, model: str, tier: str | None, parts: dict[str, int], given: int, hour: int
) -> None:
    at = now().replace(hour=hour, minute=30)
    written = 1_000 if "cache_write_1h" in parts else 0
    theirs = {
        "input_audio": "input_audio_tokens",
        "output_audio": "output_audio_tokens",
        "cache_write_1h": "cache_write_1h_tokens",
    }
    usage = Usage(
        input_tokens=given,
        cache_read_tokens=1_500,
        cache_write_tokens=written,
        output_tokens=700,
        **{theirs[name]: count for name, count in parts.items()},
        **({"cache_audio_read_tokens": 0} if "input_audio" in parts else {}),
    )
    expected = calc_price(
        usage,
        model_ref=model,
        provider_id=provider,
        genai_request_timestamp=at,
        price_context={"service_tier": tier} if tier else None,
    ).total_price
    rates = Rates.parse(genai.timeline(provider, model, at)[0][1], "test").at(to_us(at))
    cost = rates.cost_nano(given, 700, cached=1_500, cache_write=written, parts=parts, service_tier=tier)
    assert cost == math.ceil(expected * 10**9)


def test_price_added_by_hand_is_not_replaced_by_the_package() -> None:
    pair = ("openai", "gpt-4.1-nano")
    Price.objects.create(
        provider=pair[0], model=pair[1], rates={"input": 5}, valid_from=now(), source="price list of May"
    )
    assert seed({pair}) == set()
    assert Price.objects.filter(provider=pair[0], model=pair[1]).count() == 1


def test_package_announces_what_will_change_and_when() -> None:
    known = genai.timeline("google", "gemini-4-argon", datetime(2026, 11, 23, 5, tzinfo=UTC))
    assert [(moment, document["input"]) for moment, document in known] == [
        (datetime(2026, 11, 23, 5, tzinfo=UTC), 2_000_000_000),
        (datetime(2026, 12, 1, tzinfo=UTC), 4_000_000_000),
    ]


def test_newer_package_replaces_what_an_older_one_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, later = ("openai", f"m-{secrets.token_hex(6)}"), datetime(2031, 1, 1, tzinfo=UTC)

    def says(source: str, today: int, from_later: int) -> None:
        monkeypatch.setattr(genai, "SOURCE", source)
        monkeypatch.setattr(
            genai, "timeline", lambda *_: [(now(), {"input": today}), (later, {"input": from_later})]
        )

    def book() -> tuple[int, int]:
        rates = listed({Target(*pair)}, now())[Target(*pair)]
        return rates.at(to_us(now())).input, rates.at(to_us(later)).input

    says("genai-prices 1", 10, 20)
    assert seed({pair}) == {pair}
    assert book() == (10, 20)
    says("genai-prices 2", 10, 15)  # another price is announced
    assert seed({pair}) == {pair}
    assert book() == (10, 15)
    monkeypatch.setattr(genai, "timeline", lambda *_: [(now(), {"input": 10})])  # or none at all any more
    monkeypatch.setattr(genai, "SOURCE", "genai-prices 3")
    assert seed({pair}) == {pair}
    assert book() == (10, 10)
    assert seed({pair}) == set()
    assert Price.objects.filter(model=pair[1], rates={"input": 20}).exists()  # what was said stays on record


def test_price_announced_for_a_later_day_comes_into_force_without_being_read_again() -> None:
    later = now() + timedelta(days=3)
    for since, figure in ((now(), 7), (later, 9)):
        Price.objects.create(
            provider="nobody", model="announced", rates={"input": figure}, valid_from=since, source="list"
        )
    target = Target("nobody", "announced")
    with access.operator():
        rates = in_force({target}, now())[target]
    assert rates.at(to_us(now())).input == 7
    assert rates.at(to_us(later)).input == 9
    assert rates.at(to_us(later)).version != rates.version
