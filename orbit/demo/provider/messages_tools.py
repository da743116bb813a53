"""The tools of a Messages request, and which of them may or must be called."""

import re
from dataclasses import dataclass
from typing import Any

from .messages_marks import check_mark
from .messages_refusals import invalid, refuse_extra

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES: dict[str, frozenset[str]] = {
    "auto": frozenset({"type", "disable_parallel_tool_use"}),
    "any": frozenset({"type", "disable_parallel_tool_use"}),
    "tool": frozenset({"type", "disable_parallel_tool_use", "name"}),
    "none": frozenset({"type"}),
}


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`tools` are those that may be called, each with its name and schema."""

    tools: list[dict[str, Any]]
    forced_tool: str
    must_call: bool
    one_at_most: bool


def read_tools(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid("tools: Input should be a valid list")
    for number, tool in enumerate(value):
        if not isinstance(tool, dict):
            raise invalid(f"tools.{number}: Input should be an object")
        check_mark(tool.get("cache_control"), f"tools.{number}.cache_control")
        if _is_custom(tool):
            _check_custom_tool(tool, f"tools.{number}.custom")
    names = [str(tool.get("name")) for tool in value]
    if len(set(names)) < len(names):
        raise invalid("tools: Tool names must be unique.")
    return value


def _is_custom(tool: dict[str, Any]) -> bool:
    """Tools of another type are the vendor's own; they are accepted and never called."""
    return tool.get("type") in (None, "custom")


def _check_custom_tool(tool: dict[str, Any], path: str) -> None:
    for name in ("name", "input_schema"):
        if name not in tool:
            raise invalid(f"{path}.{name}: Field required")
    if not isinstance(tool["name"], str) or not _TOOL_NAME.fullmatch(tool["name"]):
        raise invalid(f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool["input_schema"]
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise invalid(f"{path}.input_schema.type: Input should be 'object'")
    known = ["allowed_callers", "cache_control", "defer_loading", "description", "eager_input_streaming"]
    known += ["input_examples", "input_schema", "name", "strict", "type"]
    refuse_extra(tool, frozenset(known), f"{path}.")


def read_choice(value: Any, tools: list[dict[str, Any]]) -> ToolChoice:
    callable_tools = [
        {"name": tool["name"], "parameters": tool["input_schema"]} for tool in tools if _is_custom(tool)
    ]
    if value is None:
        return ToolChoice(callable_tools, "", must_call=False, one_at_most=False)
    kind = str(value.get("type")) if isinstance(value, dict) else ""
    if kind not in _CHOICES:
        raise invalid("tool_choice: Input should be of type 'auto', 'any', 'tool' or 'none'")
    refuse_extra(value, _CHOICES[kind], f"tool_choice.{kind}.")
    if not tools and kind != "none":
        raise invalid("tool_choice: may only be specified while providing tools.")
    forced = ""
    if kind == "tool":
        forced = str(value.get("name", ""))
        if all(tool["name"] != forced for tool in callable_tools):
            raise invalid(f"tool_choice: Tool '{forced}' not found in provided tools")
    return ToolChoice(
        [] if kind == "none" else callable_tools,
        forced,
        must_call=kind == "any",
        one_at_most=bool(value.get("disable_parallel_tool_use")),
    )
