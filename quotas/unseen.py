"""Input that a request's body does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quotas.allowances import kind_of

POINTERS = ("previous_response_id", "conversation")
FETCHING = ("web_", "file_search", "code_", "computer", "browser_", "image_generation", "mcp", "shell", "x_")
_HINTS = frozenset({*POINTERS, "prompt", "background_options", "input"})
SETTINGS = ("web_search_options", "search_parameters", "plugins", "mcp_servers")


def unseen_input(body: Mapping[str, Any]) -> bool:
    """Whether the provider adds what it keeps: earlier turns, stored prompts, referenced items. How much of them
    there is cannot be known: only the model's window bounds such an input.
    """
    if _HINTS.isdisjoint(body):
        return False  # nearly every call
    if any(body.get(name) is not None for name in POINTERS):
        return True
    prompt, options = body.get("prompt"), body.get("background_options")
    if isinstance(prompt, dict) and "id" in prompt:
        return True
    if isinstance(options, dict) and options.get("continuation_id") is not None:
        return True
    items = body.get("input")
    return isinstance(items, list) and any(map(_points, items))


def fetches_input(body: Mapping[str, Any]) -> bool:
    """Whether the provider's own tools may bring in more while the call runs, and read the whole again each time.

    No figure bounds that, not even the window. What is used is charged when the call settles.
    """
    if any(body.get(name) for name in SETTINGS):
        return True
    tools = body.get("tools")
    return isinstance(tools, list) and any(kind_of(tool).startswith(FETCHING) for tool in tools)


def _points(item: Any) -> bool:
    """A type may be left out of a reference: then there is nothing but the id."""
    return isinstance(item, dict) and (item.get("type") == "item_reference" or item.keys() == {"id"})
