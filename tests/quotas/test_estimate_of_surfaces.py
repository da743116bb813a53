"""Bodies of Anthropic's Messages and of OpenAI's Responses: bounded for anything, counted sensibly."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import estimate, media, tokens
from quotas.unseen import fetches_input, unseen_input
from tests.quotas.test_estimate import ANYTHING, MODELS, PNG, SCALARS, TOOLS, WORDS, written

PICTURE = base64.b64encode(PNG).decode()
LONG = "several words of text " * 50
SOURCES = (
    st.builds(
        lambda data: {"type": "base64", "media_type": "image/png", "data": data}, WORDS | st.just(PICTURE)
    )
    | st.builds(lambda url: {"type": "url", "url": url}, WORDS)
    | st.builds(lambda data: {"type": "text", "media_type": "text/plain", "data": data}, WORDS)
    | st.builds(lambda file_id: {"type": "file", "file_id": file_id}, WORDS)
    | ANYTHING
)
KINDS = st.sampled_from(
    [
        *("text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"),
        *("search_result", "web_search_tool_result", "input_text", "input_image", "input_file", "reasoning"),
        *("message", "function_call", "function_call_output", "image_generation_call", "item_reference"),
        *("computer_call_output", "input_audio", "base64", "content"),
    ]
)


def _parts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = WORDS | st.lists(inner, max_size=3) | inner
    sources = SOURCES | st.builds(lambda content: {"type": "content", "content": content}, parts)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | SCALARS,
            "role": WORDS,
            "call_id": WORDS,
            "text": WORDS,
            "source": sources,
            "content": parts,
            "output": parts,
            "thinking": WORDS,
            "signature": WORDS,
            "encrypted_content": WORDS | ANYTHING,
            "data": WORDS,
            "result": WORDS,
            "file_data": WORDS,
            "image_url": WORDS | st.just("data:image/png;base64," + PICTURE) | ANYTHING,
            "detail": WORDS | st.sampled_from(["low", "high", "original"]),
            "input": ANYTHING,
            "name": WORDS,
            "arguments": WORDS,
            "other": ANYTHING,
        },
    )


ITEMS: st.SearchStrategy[Any] = st.recursive(ANYTHING, _parts, max_leaves=12)
BUILT_IN = st.builds(
    lambda kind, name: {"type": kind, "name": name},
    st.sampled_from(["bash_20250124", "computer_20250124", "web_search", "mcp", "code_interpreter"]) | WORDS,
    WORDS,
)
BODIES = st.fixed_dictionaries(
    {"model": WORDS},
    optional={
        "system": WORDS | st.lists(ITEMS, max_size=2),
        "messages": st.lists(
            st.fixed_dictionaries(
                {}, optional={"role": WORDS, "content": WORDS | st.lists(ITEMS, max_size=3)}
            ),
            max_size=3,
        ),
        "input": WORDS | st.lists(ITEMS, max_size=4),
        "instructions": WORDS,
        "tools": TOOLS | st.lists(BUILT_IN, max_size=3),
        "text": ANYTHING,
        "reasoning": ANYTHING,
        "thinking": ANYTHING,
        "output_config": ANYTHING,
    },
)


@given(BODIES, MODELS, st.none() | st.floats(0.5, 5))
@settings(max_examples=500, deadline=None)
async def test_bound_is_never_below_the_count(
    body: dict[str, Any], model: str, padding: float | None
) -> None:
    counted = await estimate.exact(body, model, padding)
    assert counted >= 0
    assert estimate.bound(body, written(body), model) >= counted


@given(BODIES, MODELS)
@settings(max_examples=200, deadline=None)
async def test_least_is_never_above_the_count(body: dict[str, Any], model: str) -> None:
    assert 0 <= await estimate.least(body, model) <= await estimate.exact(body, model)
    assert isinstance(unseen_input(body), bool)
    assert isinstance(fetches_input(body), bool)


@pytest.mark.parametrize(
    "body",
    [
        {"system": "LONG"},
        {"system": [{"type": "text", "text": "LONG"}]},
        {"messages": [{"content": [{"type": "document", "source": {"type": "text", "data": "LONG"}}]}]},
        {
            "messages": [
                {
                    "content": [
                        {
                            "type": "document",
                            "source": {"type": "content", "content": [{"type": "text", "text": "LONG"}]},
                        }
                    ]
                }
            ]
        },
        {
            "messages": [
                {"content": [{"type": "document", "title": "LONG", "source": {"type": "url", "url": "x"}}]}
            ]
        },
        {"messages": [{"content": [{"type": "tool_use", "name": "f", "input": {"a": "LONG"}}]}]},
        {"messages": [{"content": [{"type": "tool_result", "content": "LONG"}]}]},
        {"messages": [{"content": [{"type": "tool_result", "content": [{"type": "text", "text": "LONG"}]}]}]},
        {"messages": [{"content": [{"type": "tool_result", "content": ["LONG"]}]}]},
        {"messages": [{"content": [{"type": "thinking", "thinking": "LONG", "signature": "x"}]}]},
        {"messages": [{"content": [{"type": "search_result", "source": "LONG", "content": []}]}]},
        {"messages": [], "tools": [{"name": "f", "description": "LONG", "input_schema": {}}]},
        {"messages": [], "tools": [{"name": "f", "input_schema": {"properties": {"a": {"title": "LONG"}}}}]},
        {"instructions": "LONG"},
        {"input": [{"role": "user", "content": "LONG"}]},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "LONG"}]}]},
        {"input": [{"type": "function_call", "call_id": "1", "name": "f", "arguments": "LONG"}]},
        {"input": [{"type": "function_call_output", "call_id": "1", "output": "LONG"}]},
        {"input": [{"type": "function_call_output", "output": [{"type": "input_text", "text": "LONG"}]}]},
        {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "LONG"}]}]},
        {"input": [{"type": "mcp_call", "output": "LONG"}]},
        {"input": [], "tools": [{"type": "function", "name": "f", "description": "LONG", "parameters": {}}]},
        {"input": [], "text": {"format": {"type": "json_schema", "schema": {"title": "LONG"}}}},
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "claude-opus-4-7"])
async def test_no_text_goes_uncounted_nor_is_counted_twice(body: dict[str, Any], model: str) -> None:
    filled = json.loads(json.dumps(body).replace("LONG", LONG))
    words = tokens.count(LONG)
    assert (
        words
        <= await estimate.exact(filled, model, 1.0) - media.measure(filled, model).tokens
        < 2 * words + 850
    )


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [IMAGE]}]}]},
        {
            "messages": [
                {"content": [{"type": "document", "source": {"type": "content", "content": [IMAGE]}}]}
            ]
        },
        {
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"}],
                }
            ]
        },
        {
            "input": [
                {
                    "type": "computer_call_output",
                    "output": {
                        "type": "computer_screenshot",
                        "image_url": f"data:image/png;base64,{PICTURE}",
                    },
                }
            ]
        },
        {"input": [{"type": "image_generation_call", "result": PICTURE}]},
    ],
)
@pytest.mark.parametrize(("model", "picture"), [("gpt-4o", 85 + 2 * 170), ("claude-opus-4-6", 25 * 18)])
async def test_pictures_count_by_their_size_wherever_they_are(
    body: dict[str, Any], model: str, picture: int
) -> None:
    assert media.measure(body, model) == media.Media(picture, media.measure(body, model).characters)
    assert media.measure(body, model).characters >= len(PICTURE)
    assert await estimate.exact(body, model) < picture + 30


async def test_detail_beside_a_flat_address_is_that_of_the_picture() -> None:
    def asked(detail: str) -> dict[str, Any]:
        part = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": detail}
        return {"input": [{"role": "user", "content": [part]}]}

    assert media.measure(asked("low"), "gpt-4o").tokens == 85
    assert media.measure(asked("high"), "gpt-4o").tokens == 425


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_file", "file_data": "A" * 4_000, "filename": "a.pdf"},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 4_000},
        },
    ],
)
async def test_file_counts_by_its_pages_and_not_as_text(part: dict[str, Any]) -> None:
    body = {"messages": [{"role": "user", "content": [part]}]}
    assert media.measure(body, "claude-opus-4-6") == media.Media(media.PAGE * 3, 4_000)
    assert await estimate.exact(body, "claude-opus-4-6") < media.PAGE * 3 + 60


@pytest.mark.parametrize(
    "part",
    [
        {"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "f_1"}},
        {"type": "input_file", "file_id": "f_1"},
    ],
)
def test_file_that_lies_elsewhere_is_the_largest_there_is(part: dict[str, Any]) -> None:
    assert media.measure({"input": [{"role": "user", "content": [part]}]}, "gpt-5").tokens == media.CONTEXT


@pytest.mark.parametrize(
    "part",
    [
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA" * 1_000},
        {"type": "thinking", "thinking": "", "signature": "gAAA" * 1_000},
        {"type": "redacted_thinking", "data": "gAAA" * 1_000},
        {"type": "web_search_tool_result", "content": [{"type": "x", "encrypted_content": "gAAA" * 1_000}]},
    ],
)
async def test_what_is_sealed_is_no_text(part: dict[str, Any]) -> None:
    body = {"messages": [{"role": "assistant", "content": [part]}]}
    assert media.measure(body, "gpt-5") == media.Media(2_000, 4_000)
    assert 2_000 <= await estimate.exact(body, "gpt-5") < 2_020
    assert await estimate.least(body, "gpt-5") < 20


async def test_least_leaves_out_what_cannot_be_known() -> None:
    far = {"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": LONG}, far]}]}
    words = tokens.count(LONG)
    assert 0.8 * words <= await estimate.least(body, "claude-opus-4-7") < words
    assert 0.95 * words <= await estimate.least(body, "gpt-4o") < 1.05 * words + 20


@pytest.mark.parametrize(("kind", "added"), [("bash_20250124", 325), ("computer_toolset_20260801", 4_500)])
async def test_claudes_own_tools_bring_their_prompts(kind: str, added: int) -> None:
    own, other = ({"messages": [], "tools": [{"type": one, "name": "x"}]} for one in (kind, "y" * len(kind)))
    model = "claude-opus-4-7"
    assert abs(await estimate.exact(own, model) - await estimate.exact(other, model) - added) < 20
    assert estimate.bound(own, 100, model) - estimate.bound(other, 100, model) == added


async def test_turns_of_a_response_count_like_messages() -> None:
    turns = [{"role": "user", "content": "hello world"}, {"role": "assistant", "content": "hello"}]
    assert await estimate.exact({"input": turns}, "gpt-4o") == await estimate.exact(
        {"messages": turns}, "gpt-4o"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1", "variables": {}}},
        {"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
        {"background_options": {"continuation_id": "c_1"}},
    ],
)
def test_input_that_the_provider_keeps_is_told(body: dict[str, Any]) -> None:
    assert unseen_input(body)


@pytest.mark.parametrize(
    "body",
    [
        {"input": "x", "previous_response_id": None, "conversation": None, "prompt": None},
        {"prompt": "text of a completion"},
        {"input": [{"role": "user", "content": "x", "id": "msg_1"}]},
        {"input": [1, 2, 3]},
        {"background_options": {}},
    ],
)
def test_input_in_the_body_is_seen(body: dict[str, Any]) -> None:
    assert not unseen_input(body)


@pytest.mark.parametrize(
    ("body", "fetches"),
    [
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, True),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, True),
        ({"mcp_servers": [{"url": "x"}]}, True),
        ({"web_search_options": {"search_context_size": "low"}}, True),
        ({"tools": [{"type": "function", "name": "web_search"}, {"type": "custom"}]}, False),
        ({"tools": [{"name": "web_search", "input_schema": {}}, None, "mcp"], "mcp_servers": []}, False),
    ],
)
def test_tools_that_bring_input_are_told(body: dict[str, Any], fetches: bool) -> None:
    assert fetches_input(body) is fetches
