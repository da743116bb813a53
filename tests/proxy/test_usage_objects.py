"""What providers say of a call's use, in every shape that they say it: read, cut to what can be, priced."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from genai_prices import extract_usage
from hypothesis import given
from hypothesis import strategies as st

from proxy import events
from proxy.context import Usage
from proxy.formats.chat import Chat
from proxy.formats.openai_usage import usage_of
from proxy.formats.responses import Responses
from quotas.rates import PARTS, Rates

SHAPES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "openai chat",
        {
            "prompt_tokens": 100,
            "completion_tokens": 40,
            "total_tokens": 140,
            "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 20, "cache_write_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 15, "audio_tokens": 5},
        },
        {
            "input_tokens": 100,
            "output_tokens": 40,
            "cached": 30,
            "cache_write": 10,
            "reasoning": 15,
            "parts": {"input_audio": 20, "reasoning": 15, "output_audio": 5},
        },
    ),
    (
        "openai responses",
        {
            "input_tokens": 100,
            "output_tokens": 40,
            "input_tokens_details": {
                "cached_tokens": 30,
                "cache_write_tokens": 50,
                "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 30},
            },
            "output_tokens_details": {"reasoning_tokens": 40},
        },
        {
            "input_tokens": 100,
            "output_tokens": 40,
            "cached": 30,
            "cache_write": 50,
            "reasoning": 40,
            "parts": {"cache_write_30m": 20, "cache_write_12h": 30, "reasoning": 40},
        },
    ),
    (
        "openai realtime",
        {
            "input_tokens": 100,
            "output_tokens": 40,
            "input_token_details": {
                "text_tokens": 40,
                "audio_tokens": 50,
                "image_tokens": 10,
                "cached_tokens": 30,
                "cached_tokens_details": {"text_tokens": 5, "audio_tokens": 21, "image_tokens": 4},
            },
            "output_token_details": {"text_tokens": 10, "audio_tokens": 30},
        },
        {
            "input_tokens": 100,
            "output_tokens": 40,
            "cached": 30,
            "parts": {
                "input_audio": 29,
                "input_image": 6,
                "cached_audio": 21,
                "cached_image": 4,
                "output_audio": 30,
            },
        },
    ),
    ("embeddings", {"prompt_tokens": 9, "total_tokens": 9}, {"input_tokens": 9, "output_tokens": 0}),
    (
        "transcription by length",
        {"type": "duration", "seconds": 12.2},
        {"input_tokens": 0, "output_tokens": 0, "units": {"seconds": 13}},
    ),
    (
        "xai: reasoning beside the completion",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 35,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        {"input_tokens": 10, "output_tokens": 25, "reasoning": 20, "parts": {"reasoning": 20}},
    ),
    (
        "xai: reasoning within the completion",
        {
            "prompt_tokens": 10,
            "completion_tokens": 25,
            "total_tokens": 35,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        {"input_tokens": 10, "output_tokens": 25, "reasoning": 20, "parts": {"reasoning": 20}},
    ),
    (
        "deepseek",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_cache_hit_tokens": 6,
            "prompt_cache_miss_tokens": 4,
        },
        {"input_tokens": 10, "output_tokens": 5, "cached": 6},
    ),
    (
        "openrouter and perplexity: searches",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "server_tool_use": {"web_search_requests": 3},
            "cost": 0.001,
        },
        {"input_tokens": 10, "output_tokens": 5, "units": {"web_searches": 3}},
    ),
    (
        "perplexity",
        {"prompt_tokens": 10, "completion_tokens": 5, "num_search_queries": 2},
        {"input_tokens": 10, "output_tokens": 5, "units": {"web_searches": 2}},
    ),
    (
        "details that are null, or of another kind",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": None,
            "completion_tokens_details": [1],
            "server_tool_use": "many",
            "num_search_queries": True,
        },
        {"input_tokens": 10, "output_tokens": 5},
    ),
]
BLANK: dict[str, Any] = {
    "cached": None,
    "cache_write": None,
    "reasoning": None,
    "parts": {},
    "units": {},
    "anomaly": None,
}


@pytest.mark.parametrize(
    ("found", "expected"), [shape[1:] for shape in SHAPES], ids=[one[0] for one in SHAPES]
)
def test_every_shape_is_read(found: dict[str, Any], expected: dict[str, Any]) -> None:
    usage = usage_of(found)
    assert usage is not None
    assert usage.raw == found
    expected = BLANK | expected
    assert {name: getattr(usage, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("flavor", "found"),
    [("chat", SHAPES[0][1]), ("responses", SHAPES[1][1]), ("chat", SHAPES[6][1])],
)
def test_totals_are_those_that_the_price_package_reads(flavor: str, found: dict[str, Any]) -> None:
    theirs = extract_usage({"model": "gpt-4o", "usage": found}, provider_id="openai", api_flavor=flavor).usage
    ours = usage_of(found)
    assert ours is not None
    assert (ours.input_tokens, ours.output_tokens) == (theirs.input_tokens, theirs.output_tokens)
    assert (ours.cached or 0) == theirs.reported_value("cache_read_tokens")


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": None},
        {"prompt_tokens": 1, "completion_tokens": 2**41},
        {"prompt_tokens": "1", "completion_tokens": "2"},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"type": "duration", "seconds": "long", "input_tokens": 3, "output_tokens": -3},
    ],
)
def test_totals_that_make_no_sense_are_no_usage(found: dict[str, Any]) -> None:
    assert usage_of(found) is None


@pytest.mark.parametrize("spoken", [Chat(), Responses()], ids=["chat", "responses"])
def test_text_without_a_figure_of_its_own_is_not_nothing(spoken: Chat | Responses) -> None:
    """It is counted then, as if nothing had been told."""
    for found in ({"prompt_tokens": 9}, {"input_tokens": 9}, {"prompt_tokens": 9, "total_tokens": 9}):
        assert spoken.usage({"usage": found}) is None
    usage = spoken.usage({"usage": {"prompt_tokens": 9, "total_tokens": 14}})
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (9, 5)


@pytest.mark.parametrize(
    ("details", "made_details", "anomaly"),
    [
        ({"cached_tokens": 11}, {}, "cached parts exceed the input"),
        ({"cached_tokens": 6, "cache_write_tokens": 6}, {}, "cached parts exceed the input"),
        ({"audio_tokens": 11}, {}, "audio and image parts exceed the input"),
        (
            {"cache_write_tokens": 4, "cache_write_tokens_details": {"ttl_30m_tokens": 5}},
            {},
            "cache writes by lifetime exceed their total",
        ),
        (
            {"cached_tokens": 4, "cached_tokens_details": {"audio_tokens": 5}},
            {},
            "cached kinds exceed the cached tokens",
        ),
        ({}, {"reasoning_tokens": 6}, "reasoning exceeds the output"),
        ({}, {"reasoning_tokens": 3, "audio_tokens": 3}, "audio, image and reasoning exceed the output"),
    ],
)
def test_contradictions_are_cut_and_flagged(
    details: dict[str, Any], made_details: dict[str, Any], anomaly: str
) -> None:
    usage = usage_of(
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": details,
            "completion_tokens_details": made_details,
        }
    )
    assert usage is not None
    assert usage.anomaly == anomaly
    _adds_up(usage)


def _adds_up(usage: Usage) -> None:
    left = {
        "input": usage.input_tokens - (usage.cached or 0) - (usage.cache_write or 0),
        "cached_input": usage.cached or 0,
        "cache_write": usage.cache_write or 0,
        "output": usage.output_tokens,
    }
    for name, count in usage.parts.items():
        assert count > 0
        left[PARTS[name]] -= count
    assert all(count >= 0 for count in left.values()), left


odd = st.one_of(
    st.integers(-10, 200),
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=3),
    st.just(2**70),
    st.just([]),
)
DETAILS = ["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]
INNER = ["audio_tokens", "image_tokens", "ttl_30m_tokens", "ttl_12h_tokens"]
inner = st.one_of(odd, st.dictionaries(st.sampled_from(INNER), odd))
details = st.one_of(
    odd,
    st.builds(
        lambda flat, cached, written: {
            **flat,
            "cached_tokens_details": cached,
            "cache_write_tokens_details": written,
        },
        st.dictionaries(st.sampled_from(DETAILS), odd),
        inner,
        inner,
    ),
)
RATES = Rates.parse(
    {
        "input": 7,
        "cached_input": 3,
        "cache_write": 11,
        "cache_write_12h": 23,
        "input_audio": 40,
        "output": 50,
        "output_audio": 70,
    },
    "test",
)


@given(
    totals=st.fixed_dictionaries(
        {"prompt_tokens": st.integers(0, 150), "completion_tokens": st.integers(0, 150)},
        optional={"total_tokens": odd, "server_tool_use": inner, "num_search_queries": odd, "seconds": odd},
    ),
    given_details=details,
    made_details=details,
)
def test_whatever_is_said_adds_up_and_costs_no_more_than_its_totals_can(
    totals: dict[str, Any], given_details: Any, made_details: Any
) -> None:
    found = {**totals, "prompt_tokens_details": given_details, "completion_tokens_details": made_details}
    usage = usage_of(found)
    assert usage is not None
    _adds_up(usage)
    assert 0 <= usage.cost_nano(RATES) <= RATES.most_nano(usage.input_tokens, usage.output_tokens)


def test_service_tier_of_the_answer_decides_the_price() -> None:
    answer = {"service_tier": "flex", "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0}}
    usage = Chat().usage(answer)
    assert usage is not None
    rates = Rates.parse({"input": 10, "services": {"flex": {"input": 5}}}, "test")
    assert usage.cost_nano(rates) == 5
    plain = Chat().usage({**answer, "service_tier": 7})
    assert plain is not None
    assert plain.cost_nano(rates) == 10


def test_cost_stays_within_what_counters_hold() -> None:
    usage = usage_of({"prompt_tokens": 2**40 - 1, "completion_tokens": 2**40 - 1})
    assert usage is not None
    assert usage.cost_nano(Rates.parse({"input": 10**13}, "test")) == 2**53 - 1


# what the event keeps


def closed(usage: Usage, rates: Rates | None, finish_reason: str | None = None) -> dict[str, Any]:
    opened = {"detail": {"reserved": {}}, "price_version": "as it was opened"}
    made: dict[str, Any] = orjson.loads(
        events.closing(
            opened,
            admitted_us=1,
            status="settled",
            code=None,
            http_status=200,
            usage=usage,
            usage_source="provider",
            cost_nano=1,
            rates=rates,
            finish_reason=finish_reason,
            attempts=[],
            duration_ms=1,
            first_token_ms=None,
        )
    )
    return made


def test_event_keeps_no_more_of_a_providers_word_for_an_end_than_its_column_takes() -> None:
    for word, kept in (("x" * 500_000, "x" * 40), ("stop", "stop"), (None, None)):
        assert closed(Usage(1, 1), RATES, word)["finish_reason"] == kept


def test_event_keeps_the_parts_the_tier_and_the_price_that_was_taken() -> None:
    usage = usage_of(SHAPES[0][1], "priority")
    assert usage is not None
    event = closed(usage, RATES)
    assert event["price_version"] == "test"
    assert event["reasoning_tokens"] == 15
    detail = event["detail"]
    assert (detail["input_audio_tokens"], detail["output_audio_tokens"]) == (20, 5)
    assert detail["service_tier"] == "priority"
    assert detail["usage"] == SHAPES[0][1]
    assert "reasoning_tokens" not in detail


def test_units_without_a_price_are_named_in_the_event() -> None:
    usage = Usage(1, 1, units={"web_searches": 2, "seconds": 3})
    rates = Rates.parse({"input": 1, "units": {"web_searches": 5}}, "test")
    detail = closed(usage, rates)["detail"]
    assert (detail["web_searches"], detail["seconds"], detail["unpriced_units"]) == (2, 3, ["seconds"])


def test_providers_own_words_are_kept_up_to_a_size() -> None:
    said = {"prompt_tokens": 1, "completion_tokens": 1, "story": "x" * 3_900}
    usage = usage_of(said)
    assert usage is not None
    assert closed(usage, None)["detail"]["usage"] == said
    told = {**said, "story": "x" * 1_000_000}
    long = usage_of(told)
    assert long is not None
    detail = closed(long, None)["detail"]
    assert "usage" not in detail
    assert detail["usage_bytes"] == len(orjson.dumps(told))


def test_seconds_begun_are_seconds() -> None:
    usage = usage_of({"type": "duration", "seconds": 0.1})
    assert usage is not None
    assert usage.units == {"seconds": 1}
