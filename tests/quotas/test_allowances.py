"""What a request may use beside tokens is reserved when it asks for it, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from quotas.allowances import SEARCHES, allowance
from quotas.rates import Rates

PRICED = Rates.parse({"input": 1, "output": 1, "units": {"web_searches": 10_000_000_000}}, "test")


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({"web_search_options": {"search_context_size": "low"}}, "gpt-4o"),
        ({"search_parameters": {"mode": "auto"}}, "grok-4"),
        ({"plugins": [{"id": "web"}]}, "gpt-4o"),
        ({"tools": [{"type": "function"}, {"type": "web_search_preview"}]}, "gpt-4o"),
        ({}, "gpt-4o-search-preview"),
        ({}, "sonar-deep-research"),
    ],
)
def test_searches_that_are_asked_for_are_reserved(body: dict[str, Any], model: str) -> None:
    assert allowance(body, model) == SEARCHES
    assert PRICED.most_nano(0, 0, units=allowance(body, model)) == 100_000_000


@pytest.mark.parametrize(
    "body",
    [{}, {"web_search_options": None}, {"tools": [{"type": "function", "function": {"name": "web_search"}}]}]
    + [{"tools": odd} for odd in ("search", 7, [None, 7, {"type": ["search"]}, {"type": None}])],
)
def test_nothing_else_is_reserved_beside_tokens(body: dict[str, Any]) -> None:
    assert allowance(body, "gpt-4o") == {}


@pytest.mark.parametrize(
    ("tools", "reserved"),
    [
        ([{"type": "web_search"}], {"web_searches": 10}),
        ([{"type": "web_search_20250305", "max_uses": 3}], {"web_searches": 3}),
        ([{"type": "web_search_20250305", "max_uses": 30}], {"web_searches": 30}),
        ([{"type": "web_search_20250305", "max_uses": 0}], {"web_searches": 0}),
        ([{"type": "web_search", "max_uses": odd} for odd in (None, True, "3", -1)], {"web_searches": 40}),
        ([{"type": "web_search", "max_uses": 10**30}], {"web_searches": 1_000_000}),
        ([{"type": "web_fetch_20250910", "max_uses": 3}, {"type": "tool_search_tool_bm25_20251119"}], {}),
        ([{"type": "file_search", "vector_store_ids": ["x"]}], {"file_searches": 10}),
        ([{"type": "code_interpreter"}], {"code_executions": 10}),
        ([{"type": "code_execution_20250825"}], {"code_executions": 10}),
        ([{"type": "image_generation"}, {"type": "web_search"}], {"images": 10, "web_searches": 10}),
        ([{"type": one} for one in ("mcp", "computer_use_preview", "local_shell", "bash_20250124")], {}),
    ],
)
def test_tools_of_providers_are_reserved_by_their_unit(
    tools: list[dict[str, Any]], reserved: dict[str, int]
) -> None:
    assert allowance({"tools": tools}, "gpt-5") == reserved


def test_number_of_calls_that_a_request_allows_bounds_its_tools() -> None:
    tools = [{"type": "file_search"}, {"type": "web_search", "max_uses": 5}]
    assert allowance({"tools": tools, "max_tool_calls": 25}, "gpt-5") == {
        "file_searches": 25,
        "web_searches": 5,
    }
    assert allowance({"tools": tools, "max_tool_calls": 2}, "gpt-5") == {
        "file_searches": 2,
        "web_searches": 2,
    }
