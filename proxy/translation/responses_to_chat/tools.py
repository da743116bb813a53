"""Tools and the choice among them. A custom tool, which takes any text, becomes a function of one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.formats.base import Terms
from proxy.translation.reading import flag, items, malformed, mapping, only, text, whole

Tool = dict[str, Any]

INPUT = "input"  # the one parameter of a custom tool
OURS = ("function", "custom")
# Of both kinds; what else they have means nothing where the model itself calls them, at once.
SAME = ("type", "name", "description", "defer_loading", "async", "allowed_callers")


def add_tools(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> frozenset[str]:
    """Sets `tools`, `tool_choice` and `parallel_tool_calls`; returns the names of custom tools."""
    tools: dict[str, Tool] = {}
    customs: set[str] = set()
    for place, value in enumerate(items(given.get("tools", []), "tools")):
        path = f"tools[{place}]"
        tool = mapping(value, path)
        kind = text(tool.get("type"), f"{path}.type")
        if kind not in OURS:
            terms.cannot(path, f"tools of type {kind!r} are not run there")
            continue
        name = text(tool.get("name"), f"{path}.name")
        if name in tools:
            raise malformed(f"{path}.name", "is the name of another tool")
        tools[name] = _function(tool, path, terms) if kind == "function" else _custom(tool, path, terms)
        if kind == "custom":
            customs.add(name)
    choice = _choice(given.get("tool_choice", "auto"), tools, terms)
    if tools:  # without them, neither of the other two is allowed
        made["tools"] = list(tools.values())
        if choice != "auto":
            made["tool_choice"] = choice
        if "parallel_tool_calls" in given:
            made["parallel_tool_calls"] = flag(given["parallel_tool_calls"], "parallel_tool_calls")
    return frozenset(customs)


def _function(tool: Tool, path: str, terms: Terms) -> Tool:
    only(tool, (*SAME, "parameters", "strict"), path, terms)
    function = _head(tool, path, terms)
    if "parameters" in tool:
        function["parameters"] = whole(tool["parameters"], f"{path}.parameters")
    if "strict" in tool:
        function["strict"] = flag(tool["strict"], f"{path}.strict")
    return {"type": "function", "function": function}


def _custom(tool: Tool, path: str, terms: Terms) -> Tool:
    only(tool, (*SAME, "format"), path, terms)
    function = _head(tool, path, terms)
    said = {"type": "string", "description": "The whole input of the tool, as plain text."}
    form = mapping(tool.get("format", {"type": "text"}), f"{path}.format")
    if form.get("type") == "grammar":
        # nobody holds the model to it, but it must know what is expected
        syntax = text(form.get("syntax"), f"{path}.format.syntax")
        definition = text(form.get("definition"), f"{path}.format.definition")
        said["description"] += f" It must match this {syntax} grammar:\n{definition}"
    elif form.get("type") != "text":
        raise malformed(f"{path}.format.type", "must be text or grammar")
    function["parameters"] = {
        "type": "object",
        "properties": {INPUT: said},
        "required": [INPUT],
        "additionalProperties": False,
    }
    return {"type": "function", "function": function}


def _head(tool: Tool, path: str, terms: Terms) -> Tool:
    for name, harmless in (("defer_loading", False), ("async", False), ("allowed_callers", ["direct"])):
        if tool.get(name, harmless) != harmless:
            terms.cannot(f"{path}.{name}", "the model itself calls all tools there, and waits for them")
    head = {"name": tool["name"]}
    if "description" in tool:
        head["description"] = text(tool["description"], f"{path}.description")
    return head


def _choice(value: Any, tools: dict[str, Tool], terms: Terms) -> str | Tool:
    """Leaves only allowed tools in `tools`, where the choice names some."""
    if isinstance(value, str):
        if value not in ("none", "auto", "required"):
            raise malformed("tool_choice", "must be none, auto, required or an object")
        return value
    choice = mapping(value, "tool_choice")
    kind = text(choice.get("type"), "tool_choice.type")
    if kind in OURS:
        only(choice, ("type", "name"), "tool_choice", terms)
        return {"type": "function", "function": {"name": text(choice.get("name"), "tool_choice.name")}}
    if kind == "allowed_tools":
        only(choice, ("type", "mode", "tools"), "tool_choice", terms)
        _allow(choice, tools, terms)
        if choice.get("mode") not in ("auto", "required"):
            raise malformed("tool_choice.mode", "must be auto or required")
        return str(choice["mode"])
    terms.cannot("tool_choice", f"tools of type {kind!r} are not run there")
    return "auto"


def _allow(choice: Tool, tools: dict[str, Tool], terms: Terms) -> None:
    allowed: set[str] = set()
    for place, value in enumerate(items(choice.get("tools"), "tool_choice.tools")):
        path = f"tool_choice.tools[{place}]"
        tool = mapping(value, path)
        kind = text(tool.get("type"), f"{path}.type")
        if kind in OURS:
            allowed.add(text(tool.get("name"), f"{path}.name"))
        else:
            terms.cannot(path, f"tools of type {kind!r} are not run there")
    for name in tools.keys() - allowed:
        del tools[name]


def custom_arguments(given: str) -> str:
    """The input of a custom tool as the arguments of its function."""
    return orjson.dumps({INPUT: given}).decode()


def custom_input(arguments: str) -> str:
    """And back. A model that did not keep to the one parameter is taken at its word."""
    try:
        found = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    said = found.get(INPUT) if isinstance(found, dict) else None
    return said if isinstance(said, str) else arguments
