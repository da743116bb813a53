"""Tools and the choice among them, in today's form and in the older one of functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.chat_to_messages.abilities import abilities_of
from proxy.translation.chat_to_messages.parts import Block, cache_control
from proxy.translation.chat_to_messages.schema import Unfit, fitted
from proxy.translation.reading import flag, items, malformed, mapping, only, text

NO_PARAMETERS = {"type": "object", "properties": {}}


def add_tools(body: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    """Sets `tools` and `tool_choice`."""
    tools = _tools(body, terms)
    choice = _choice(body, tools, terms)
    parallel = flag(body.get("parallel_tool_calls", True), "parallel_tool_calls")
    if choice is not None and choice["type"] in ("any", "tool") and _is_asked_to_think(made):
        terms.cannot("tool_choice", "no call can be forced there while the model thinks")
        choice["type"] = "auto"
        choice.pop("name", None)
    if not tools:
        return
    made["tools"] = tools
    # the older form has room for one call only
    if not parallel or "functions" in body:
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    if choice is not None:
        made["tool_choice"] = choice


def _is_asked_to_think(made: Mapping[str, Any]) -> bool:
    return made.get("thinking", {}).get("type") in ("enabled", "adaptive")


def _tools(body: Mapping[str, Any], terms: Terms) -> list[Block]:
    made: list[Block] = []
    for place, value in enumerate(items(body.get("tools", []), "tools")):
        path = f"tools[{place}]"
        tool = mapping(value, path)
        if tool.get("type") != "function":
            terms.cannot(f"{path}.type", "only functions can be tools there")
            continue
        only(tool, ("type", "function", "cache_control"), path, terms)
        made.append(_function(tool.get("function"), f"{path}.function", terms))
        control = cache_control(tool, path, terms)
        if control is not None:
            made[-1]["cache_control"] = control
    for place, value in enumerate(items(body.get("functions", []), "functions")):
        made.append(_function(value, f"functions[{place}]", terms))
    return made


def _function(value: Any, path: str, terms: Terms) -> Block:
    function = mapping(value, path)
    only(function, ("name", "description", "parameters", "strict"), path, terms)
    made: Block = {"name": text(function.get("name"), f"{path}.name")}
    if function.get("description"):
        made["description"] = text(function["description"], f"{path}.description")
    made["input_schema"] = _parameters(function.get("parameters", NO_PARAMETERS), f"{path}.parameters")
    if flag(function.get("strict", False), f"{path}.strict"):
        _make_strict(made, path, terms)
    return made


def _parameters(value: Any, path: str) -> dict[str, Any]:
    schema = mapping(value, path)
    if schema.setdefault("type", "object") != "object":
        raise malformed(f"{path}.type", "must be object")
    return schema


def _make_strict(made: Block, path: str, terms: Terms) -> None:
    if not abilities_of(terms.model).structures:
        terms.cannot(f"{path}.strict", "this model cannot be held to a schema")
        return
    try:
        made["input_schema"] = fitted(made["input_schema"], f"{path}.parameters")
    except Unfit as unfit:
        terms.cannot(unfit.path, f"{unfit.why} for a strict tool")
        return
    made["strict"] = True


def _choice(body: Mapping[str, Any], tools: list[Block], terms: Terms) -> dict[str, Any] | None:
    """None for what the model does anyway. Narrows `tools` to those that are allowed."""
    if "tool_choice" not in body:
        return _older_choice(body.get("function_call"))
    value = body["tool_choice"]
    if value in ("none", "auto", "required"):
        return {"none": {"type": "none"}, "auto": None, "required": {"type": "any"}}[value]
    choice = mapping(value, "tool_choice")
    kind = choice.get("type")
    if kind == "function":
        return {"type": "tool", "name": _name(choice, "tool_choice")}
    if kind == "allowed_tools":
        return _allowed(mapping(choice.get(kind), f"tool_choice.{kind}"), tools, terms)
    terms.cannot("tool_choice.type", "only functions can be chosen there")
    return None


def _older_choice(value: Any) -> dict[str, Any] | None:
    if value is None or value == "auto":
        return None
    if value == "none":
        return {"type": "none"}
    return {"type": "tool", "name": text(mapping(value, "function_call").get("name"), "function_call.name")}


def _name(choice: Mapping[str, Any], path: str) -> str:
    function = mapping(choice.get("function"), f"{path}.function")
    return text(function.get("name"), f"{path}.function.name")


def _allowed(choice: Mapping[str, Any], tools: list[Block], terms: Terms) -> dict[str, Any] | None:
    """The same effect with fewer tools: the others are not shown to the model."""
    path = "tool_choice.allowed_tools"
    if choice.get("mode") not in ("auto", "required"):
        raise malformed(f"{path}.mode", "must be auto or required")
    names: set[str] = set()
    for place, value in enumerate(items(choice.get("tools"), f"{path}.tools")):
        where = f"{path}.tools[{place}]"
        tool = mapping(value, where)
        if tool.get("type") == "function":
            names.add(_name(tool, where))
        else:
            terms.cannot(f"{where}.type", "only functions can be tools there")
    if unknown := names - {tool["name"] for tool in tools}:
        raise malformed(f"{path}.tools", f"names {min(unknown)!r}, which is none of the tools")
    tools[:] = [tool for tool in tools if tool["name"] in names]
    return {"type": "any"} if choice["mode"] == "required" and tools else None
