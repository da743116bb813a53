"""Tools, and which of them the model may or must call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.formats.base import Terms
from proxy.translation.messages_to_chat.fields import note, object_of, objects, only, text_of, wrong
from proxy.translation.messages_to_chat.names import Names
from proxy.translation.messages_to_chat.options import Options
from proxy.translation.messages_to_chat.schema import fits_strict

# eager_input_streaming is a hint: chat completions always stream arguments as they come.
TOOL = frozenset(
    {
        "type",
        "name",
        "description",
        "input_schema",
        "strict",
        "input_examples",
        "allowed_callers",
        "defer_loading",
        "eager_input_streaming",
        "cache_control",
    }
)
CHOICE = frozenset({"type", "name", "disable_parallel_tool_use"})
CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class Tools:
    """`fields` of the request, and `remarks` for its system message: descriptions that are too long for a function."""

    def __init__(self, body: Mapping[str, Any], terms: Terms, options: Options, names: Names) -> None:
        self.terms = terms
        self.options = options
        self.names = names
        self.remarks: list[str] = []
        self.fields: dict[str, Any] = {}
        given = objects(body.get("tools") or [], "tools")
        tools = [tool for path, one in given if (tool := self._tool(one, path))]
        if tools:
            self.fields["tools"] = tools
        if body.get("tool_choice") is not None:
            self._choose(object_of(body, "tool_choice"), bool(body.get("tools")))

    def _tool(self, tool: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        kind = tool.get("type")
        if kind not in (None, "custom"):
            self.terms.cannot(path, f"tools of type {kind!r} are Anthropic's own")
            return None
        only(tool, TOOL, path, self.terms)
        if (callers := tool.get("allowed_callers")) and callers != ["direct"]:
            self.terms.cannot(f"{path}.allowed_callers", "tools are called by the model alone")
        if tool.get("defer_loading"):
            self.terms.cannot(f"{path}.defer_loading", "all tools are shown from the start")
        name = self.names.sent(text_of(tool, "name", path))
        schema = object_of(tool, "input_schema", path)
        function: dict[str, Any] = {"name": name}
        if description := self._description(tool, name, path):
            function["description"] = description
        function["parameters"] = schema
        if tool.get("strict") is not None:
            function["strict"] = bool(tool["strict"]) and fits_strict(schema)
            if tool["strict"] and not function["strict"]:
                note(self.terms, f"{path}.strict")
        return {"type": "function", "function": function}

    def _description(self, tool: Mapping[str, Any], name: str, path: str) -> str:
        text = text_of(tool, "description", path) if tool.get("description") is not None else ""
        examples = [one for _, one in objects(tool.get("input_examples") or [], f"{path}.input_examples")]
        if examples:
            text += "\n\nExamples of its input:\n" + "\n".join(orjson.dumps(one).decode() for one in examples)
        if self.options.description_length is None or len(text) <= self.options.description_length:
            return text
        self.remarks.append(f'Description of the tool "{name}":\n{text}')
        return "This tool is described in the system message."

    def _choose(self, choice: Mapping[str, Any], any_given: bool) -> None:
        only(choice, CHOICE, "tool_choice", self.terms)
        kind = choice.get("type")
        if not isinstance(kind, str) or (kind != "tool" and kind not in CHOICES):
            raise wrong("tool_choice.type", "must be auto, any, tool or none")
        tools = self.fields.get("tools", [])
        wanted: Any = CHOICES.get(kind)
        if kind == "tool":
            name = self.names.sent(text_of(choice, "name", "tool_choice"))
            wanted = {"type": "function", "function": {"name": name}}
            if all(tool["function"]["name"] != name for tool in tools):
                self._unmet(any_given)
                return
        if not tools:
            if kind == "any":
                self._unmet(any_given)
            return
        self.fields["tool_choice"] = wanted
        if choice.get("disable_parallel_tool_use"):
            self.fields["parallel_tool_calls"] = False

    def _unmet(self, any_given: bool) -> None:
        """A choice of what is not there: left out by permission with its tool, or never given."""
        if not any_given:
            raise wrong("tool_choice", "asks for a tool, and there is none")
        self.terms.cannot("tool_choice", "it names a tool that is not sent")
