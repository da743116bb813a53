"""How much a request may use of what is charged for beside tokens. It is reserved with the tokens.

A provider chooses by itself how often it searches; what it uses beyond the allowance is charged all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quotas.rates import NOTHING

SEARCHES: Mapping[str, int] = {"web_searches": 10}
_FIELDS = ("web_search_options", "search_parameters", "plugins")  # OpenAI, xAI, OpenRouter


def allowance(body: Mapping[str, Any], model: str) -> Mapping[str, int]:
    """Of searches, for requests that ask for them and models that always search."""
    if any(body.get(name) is not None for name in _FIELDS) or "search" in model or "sonar" in model:
        return SEARCHES
    tools = body.get("tools")
    if isinstance(tools, list) and any(_searches(tool) for tool in tools):
        return SEARCHES
    return NOTHING


def _searches(tool: Any) -> bool:
    return isinstance(tool, dict) and isinstance(kind := tool.get("type"), str) and "search" in kind
