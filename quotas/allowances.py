"""How much a request may use of what is charged for beside tokens. It is reserved with the tokens.

A provider chooses by itself how often it uses its tools, up to what the request allows. Where that is not said, what
goes beyond the allowance is charged all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from quotas.rates import NOTHING

USES = 10
MOST_USES = 1_000_000  # far over what any call can use, and exact wherever it is counted
SEARCHES: Mapping[str, int] = {"web_searches": USES}
_FIELDS = ("web_search_options", "search_parameters", "plugins")  # OpenAI, xAI, OpenRouter
_ASKING = frozenset({"tools", *_FIELDS})
# By the beginning of a tool's type. Anthropic's fetching of pages costs their tokens alone.
_UNITS = {
    "file_search": "file_searches",
    "code_execution": "code_executions",
    "code_interpreter": "code_executions",
    "image_generation": "images",
}
_FREE = ("tool_search", "web_fetch")


def allowance(body: Mapping[str, Any], model: str) -> Mapping[str, int]:
    """Of each unit, for requests that offer its tools and models that always search."""
    if _ASKING.isdisjoint(body) and "search" not in model and "sonar" not in model:
        return NOTHING  # nearly every call
    found = Counter(dict(_of_tools(body)))
    if any(body.get(name) is not None for name in _FIELDS) or "search" in model or "sonar" in model:
        found |= Counter(SEARCHES)
    return dict(found) or NOTHING


def kind_of(tool: Any) -> str:
    """The type of a tool; empty for what is none."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    return kind if isinstance(kind, str) else ""


def _of_tools(body: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    tools = body.get("tools")
    found: Counter[str] = Counter()
    for tool in tools if isinstance(tools, list) else ():
        unit = _unit(kind_of(tool))
        if unit:
            found[unit] += _uses(body.get("max_tool_calls"), tool.get("max_uses"))
    yield from found.items()


def _unit(kind: str) -> str | None:
    if kind.startswith(_FREE):
        return None
    named = next((unit for prefix, unit in _UNITS.items() if kind.startswith(prefix)), None)
    return named or ("web_searches" if "search" in kind else None)


def _uses(*limits: object) -> int:
    """The smallest number that the request names, of all its tools' calls or of this one's."""
    named = [one for one in limits if isinstance(one, int) and not isinstance(one, bool) and one >= 0]
    return min([*named, MOST_USES]) if named else USES
