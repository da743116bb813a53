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
