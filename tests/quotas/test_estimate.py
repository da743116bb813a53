"""Input tokens: a bound that holds for anything, and a count that is the provider's where that is published."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import estimate, media, tokens

WORDS = (
    st.text(max_size=60)
    | st.text('abc \n"\\{}:,.', max_size=60)
    | st.sampled_from(["नमस्ते", "🙂" * 9, "<|endoftext|>"])
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 700, 500) + bytes(400)
URL = st.sampled_from(
    ["https://x.example/a.png", "data:image/png;base64," + base64.b64encode(PNG).decode(), "data:,"]
)
PARTS = (
    st.builds(lambda text: {"type": "text", "text": text}, WORDS)
    | st.builds(
        lambda url, detail: {"type": "image_url", "image_url": {"url": url, "detail": detail}}, URL, WORDS
    )
    | st.builds(lambda data: {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}, WORDS)
    | st.builds(lambda name: {"type": "file", "file": {"file_data": "data:,x", "filename": name}}, WORDS)
    | ANYTHING
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "role": WORDS,
        "content": WORDS | st.lists(PARTS, max_size=3) | ANYTHING,
        "name": WORDS,
        "tool_call_id": WORDS,
        "audio": ANYTHING,
        "tool_calls": st.lists(
            st.builds(
                lambda n, a: {"id": "1", "type": "function", "function": {"name": n, "arguments": a}},
                WORDS,
                WORDS,
            ),
            max_size=2,
        ),
        "other": ANYTHING,
    },
)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": WORDS | st.lists(WORDS, max_size=2),
            "description": WORDS | SCALARS,
            "enum": st.lists(SCALARS, max_size=6) | SCALARS,
            "properties": st.dictionaries(WORDS, inner, max_size=4) | SCALARS,
            "items": inner,
            "required": st.lists(WORDS, max_size=2),
            "additionalProperties": st.booleans() | inner,
            "$defs": ANYTHING,
        },
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(SCALARS | st.just({}), _schemas, max_leaves=10)
FUNCTIONS = st.fixed_dictionaries(
    {},
    optional={
        "name": WORDS,
        "description": WORDS,
        "parameters": SCHEMAS,
        "strict": SCALARS,
        "other": ANYTHING,
    },
)
TOOLS = st.lists(
    st.builds(lambda function: {"type": "function", "function": function}, FUNCTIONS) | FUNCTIONS | ANYTHING,
    max_size=4,
)
TEXTS = (
    WORDS
    | st.lists(WORDS, max_size=4)
    | st.lists(st.integers(0, 9), max_size=40)
    | st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=4)
)
BODIES = st.fixed_dictionaries(
    {"model": WORDS},
    optional={
        "messages": st.lists(MESSAGES, max_size=5) | ANYTHING,
        "input": TEXTS | st.lists(PARTS, max_size=3),
        "prompt": TEXTS,
        "prediction": ANYTHING,
        "tools": TOOLS,
        "functions": TOOLS,
        "tool_choice": ANYTHING | st.just("none"),
        "response_format": ANYTHING,
        "instructions": ANYTHING,
        "logit_bias": ANYTHING,
    },
)
MODELS = st.sampled_from(
    [
        "gpt-4o",
        "gpt-4",
        "gpt-4o-mini",
        "gpt-5.5",
        "claude-opus-4-7",
        "gemini-2.5-pro",
        "mistral-large",
        "what",
    ]
)


def written(body: Any) -> int:
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


@given(BODIES, MODELS, st.none() | st.floats(0.5, 5))
@settings(max_examples=400, deadline=None)
async def test_bound_is_never_below_the_count(
    body: dict[str, Any], model: str, padding: float | None
) -> None:
    counted = await estimate.exact(body, model, padding)
    assert counted >= 0
    assert estimate.bound(body, written(body), model) >= counted


@given(BODIES, MODELS)
@settings(max_examples=100, deadline=None)
async def test_bound_without_a_model_holds_for_texts_of_each(body: dict[str, Any], model: str) -> None:
    counted = await estimate.exact(body, model) - media.measure(body, model).tokens
    found = media.measure(body, "")
    assert estimate.bound(body, written(body)) - found.tokens >= counted


JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
WEATHER = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}


# the prompt tokens that OpenAI's cookbook printed for these requests, as its API counted them
@pytest.mark.parametrize(
    ("model", "jargon", "weather"),
    [("gpt-4o", 124, 101), ("gpt-4o-mini", 124, 101), ("gpt-4", 129, 105), ("gpt-3.5-turbo", 129, 105)],
)
async def test_count_is_the_one_that_openai_published(model: str, jargon: int, weather: int) -> None:
    assert await estimate.exact({"model": model, "messages": JARGON}, model) == jargon
    assert await estimate.exact({"messages": WEATHER, "tools": [WEATHER_TOOL]}, model) == weather
    old = {"messages": WEATHER, "functions": [WEATHER_TOOL["function"]]}
    assert await estimate.exact(old, model) == weather


async def more(added: dict[str, Any], model: str = "gpt-4o") -> int:
    """What a field adds to a request."""
    plain: dict[str, Any] = {"messages": WEATHER, "tools": [WEATHER_TOOL]}
    return await estimate.exact({**plain, **added}, model) - await estimate.exact(plain, model)


async def test_forced_tool_costs_its_name_and_seven() -> None:
    chosen = {"type": "function", "function": {"name": "get_current_weather"}}
    assert await more({"tool_choice": chosen}) == 7 + tokens.count("get_current_weather")
    assert await more({"tool_choice": "none"}) == 1
    assert await more({"tool_choice": "auto"}) == 0


async def test_schema_of_the_answer_is_counted_and_its_kind_is_not() -> None:
    schema = {"name": "answer", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    assert await more({"response_format": {"type": "json_object"}}) == 0
    added = await more({"response_format": {"type": "json_schema", "json_schema": schema}})
    assert added >= tokens.count(json.dumps(schema, separators=(",", ":")))


@pytest.mark.parametrize(
    "hidden",
    [
        {"properties": {"a": {"type": "object", "properties": {"b": {"description": "LONG"}}}}},
        {"properties": {"a": {"type": "array", "items": {"description": "LONG"}}}},
        {"properties": {"a": {"anyOf": [{"description": "LONG"}]}}},
        {"properties": {"a": {"default": "LONG"}}},
        {"properties": {"a": {"enum": ["LONG"]}}},
        {"properties": {"a": "LONG"}},
        {"properties": "LONG"},
        {"$defs": {"a": {"title": "LONG"}}},
        {"additionalProperties": {"description": "LONG"}},
        {"title": "LONG"},
        {"type": "LONG"},
        "LONG",
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "claude-opus-4-7"])
async def test_no_part_of_a_tool_goes_uncounted(hidden: Any, model: str) -> None:
    long = "several words of text " * 50
    parameters = json.loads(json.dumps(hidden).replace("LONG", long))
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    assert await estimate.exact({"messages": [], "tools": [tool]}, model) >= tokens.count(long)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "LONG"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "LONG"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "LONG"}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "x"}, "text": "LONG"}],
                }
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "text", "text": {"image": "LONG"}}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "1", "content": "LONG"}]},
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "LONG"}}]}
            ]
        },
        {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "LONG"}}]},
        {"messages": [{"role": "assistant", "reasoning_content": "LONG"}]},
        {"messages": [{"role": "user", "name": "LONG"}]},
        {"messages": [{"role": "user", "content": [{"type": "LONG"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": {"LONG": 1}}}]}]},
        {"messages": [], "tools": [{"type": "custom", "custom": {"name": "f", "description": "LONG"}}]},
        {"messages": [], "tools": [{"type": "function", "function": {"name": "f"}, "also": "LONG"}]},
        {"messages": [], "tools": "LONG"},
        {"messages": [], "prediction": {"type": "content", "content": "LONG"}},
        {"messages": [], "documents": [{"text": "LONG"}]},
        {"messages": [], "system": "LONG"},
        {"prompt": "LONG"},
        {"prompt": ["LONG"], "suffix": ""},
        {"input": "LONG"},
        {"input": ["a", "LONG"]},
    ],
)
async def test_no_text_of_a_request_goes_uncounted(body: dict[str, Any]) -> None:
    long = "several words of text " * 50
    filled = json.loads(json.dumps(body).replace("LONG", long))
    assert await estimate.exact(filled, "gpt-4o") >= tokens.count(long)


async def test_settings_of_a_request_are_no_input() -> None:
    assert (
        await more({"user": "u" * 500, "metadata": {"a": "b" * 500}, "temperature": 0.7, "stop": ["x"]}) == 0
    )


@pytest.mark.parametrize(
    ("given_input", "counted"),
    [([1, 2, 3], 3), ([[1, 2, 3], [4]], 4), ("hello world", 2), (["hello world", "hello world"], 4)],
)
async def test_embeddings_count_their_input_alone(given_input: Any, counted: int) -> None:
    for field in ("input", "prompt"):
        assert await estimate.exact({field: given_input}, "text-embedding-3-small") == counted


async def test_tools_bring_claudes_own_prompt() -> None:
    body = {"messages": WEATHER, "tools": [WEATHER_TOOL]}
    for model in ("claude-opus-4-7", "what"):
        assert await estimate.exact(body, model) > estimate.TOOL_PROMPT
        assert estimate.bound(body, 700, model) == estimate.bound(body, 700, "gpt-4o") + estimate.TOOL_PROMPT


def image(content: bytes) -> dict[str, Any]:
    return {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + base64.b64encode(content).decode()},
    }


async def test_pictures_count_by_their_size_and_not_by_their_bytes() -> None:
    body = {"messages": [{"role": "user", "content": [image(PNG + bytes(300_000))]}]}
    assert await estimate.exact(body, "gpt-4o") == 85 + 2 * 170 + estimate.MESSAGE + estimate.REPLY + 1
    assert estimate.bound(body, written(body), "gpt-4o") < 1_000


async def test_measured_padding_is_used_for_texts_only() -> None:
    body = {
        "messages": [
            {"role": "user", "content": "some plain words " * 50},
            {"role": "user", "content": [image(PNG)]},
        ]
    }
    overhead = 2 * estimate.MESSAGE + estimate.REPLY + media.measure(body, "gpt-4o").tokens
    plain = await estimate.exact(body, "gpt-4o") - overhead
    assert await estimate.exact(body, "gpt-4o", 2.0) - overhead == 2 * plain


async def test_huge_requests_leave_the_loop_free() -> None:
    """A megabyte of each shape that costs most to walk."""
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    bodies: list[tuple[dict[str, Any], int]] = [
        ({"messages": [{"role": "user", "content": "x"}] * 60_000}, 60_000 * 5 + 3),
        ({"input": [7] * 500_000}, 500_000),
        ({"input": [[7] * 5] * 100_000}, 500_000),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 40_000}]}, 7),
    ]
    for body, counted in bodies:
        ticker = asyncio.create_task(tick())
        turns = 0
        assert await estimate.exact(body, "gpt-4o") == counted
        assert turns > 1
        ticker.cancel()


async def test_lone_surrogates_are_counted() -> None:
    body = {"messages": [{"role": "user", "content": "\ud800\udfffx\ud800"}], "tools": [{"\ud800": "\udc00"}]}
    assert 0 < await estimate.exact(body, "gpt-4o") <= estimate.bound(body, written(body), "gpt-4o")
