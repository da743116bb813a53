"""Every text of a body, in the shapes of OpenAI's chat and Responses, Anthropic's Messages, Gemini's and embeddings.

`walked(body, shape, change)` hands each text to `change` and returns a body with what came back; it copies only what
changed, so an untouched body is returned as it is. `texts` only lists them. Requests and whole answers alike.

What is a text: instructions and messages of every role, parts, refusals and reasoning, descriptions of tools, results of
tools, values in the arguments of tool calls (and keys that are no names of fields), text files that are sent along, and the fields in which
applications put their users. What is none: names, ids, models, roles, links, images, sound, signatures, token ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dlp.text_files import TextFile


class Shape(StrEnum):
    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    GEMINI = "gemini"
    EMBEDDINGS = "embeddings"  # and completions, moderations: one input or prompt


class Place(StrEnum):
    """Where a text stands. Policies may differ by it, and events tell it."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL_RESULT = "tool_result"
    TOOL_CALL = "tool_call"
    TOOLS = "tools"
    FILE = "file"
    INPUT = "input"
    METADATA = "metadata"


@dataclass(frozen=True)
class Text:
    """`label` is the key that it stands under in arguments and results, else empty. `raw` texts are JSON themselves. `signed`
    is thinking that its provider takes back only as it wrote it."""

    place: Place
    value: str
    label: str = ""
    raw: bool = False
    signed: bool = False


Change = Callable[[Text], str]

_ROLES = {
    "system": Place.SYSTEM, "developer": Place.SYSTEM, "user": Place.USER, "assistant": Place.ASSISTANT, "model": Place.ASSISTANT,
    "tool": Place.TOOL_RESULT, "function": Place.TOOL_RESULT,
}  # fmt: skip
# Keys under which a message, a part or an item carries text, in any of the shapes.
_TEXT = frozenset({"text", "refusal", "reasoning_content", "reasoning", "thinking", "output_text", "transcript", "encoded_text"})  # fmt: skip
_ARGUMENTS = frozenset({"arguments", "input", "args", "partial_json"})
_RESULTS = frozenset({"output", "response", "result", "results", "logs", "code", "outcome", "stdout", "stderr", "query", "queries", "command", "commands", "diff", "env", "error", "reason"})  # fmt: skip
_INNER = frozenset(
    {"content", "parts", "tool_calls", "function_call", "function", "custom", "summary", "delta", "message", "source", "file", "functionCall", "functionResponse", "citations", "annotations",
     "inlineData", "inline_data", "action", "outputs", "executableCode", "codeExecutionResult", "title", "context", "cited_text", "content_block", "audio", "reasoning_details", "operation"}
)  # fmt: skip
_USERS = ("user", "safety_identifier", "prompt_cache_key")
_DESCRIBING = frozenset({"description", "title"})
_TEXT_FILE = re.compile(
    r"data:(?:text/[\w.+-]+|application/(?:json|xml|x-yaml|yaml))(?:;(?!base64,)[\w=.-]+)*(?P<base64>;base64)?,",
    re.IGNORECASE,
)
_TEXT_TYPE = re.compile(r"(?:text/|application/(?:json|xml|x-yaml|yaml)\b)")
_HALF = re.compile("[\ud800-\udfff]")
_LONG_NUMBER = 10**8  # a number that large may be a card or a telephone; smaller ones are counts
_FIELD_NAME = re.compile(r"[A-Za-z_$][A-Za-z_$.-]{0,40}\d{0,3}")
_CALLING = frozenset({Place.TOOL_CALL, Place.TOOL_RESULT})
_BINARY = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[\w+/=\r\n-]*", re.IGNORECASE)
DEEPEST = 60


def walked(body: Any, shape: Shape, change: Change, *, raw_arguments: bool = False) -> Any:
    """With `raw_arguments`, arguments that are a JSON text are handed over as that text, and keys of others as well: so an
    answer is restored alike, whether it came whole or in pieces. ValueError for a body nested deeper than 60."""
    return _Walk(change, raw_arguments).body(body, shape)


def texts(body: Any, shape: Shape) -> list[Text]:
    found: list[Text] = []

    def listed(text: Text) -> str:
        found.append(text)
        return text.value

    walked(body, shape, listed)
    return found


class _Walk:
    def __init__(self, change: Change, raw_arguments: bool) -> None:
        self._change = change
        self._raw = raw_arguments

    def body(self, body: Any, shape: Shape) -> Any:
        if not isinstance(body, dict):
            return body
        fields: dict[str, Callable[[Any], Any]] = {
            **{name: lambda value: self._content(value, Place.METADATA, 0) for name in _USERS},
            "metadata": lambda value: self._values(value, Place.METADATA, "", 0),
            "tools": lambda value: self.tools(value, 0),
            **_FIELDS[shape](self),
        }
        return _with(body, {name: fields[name](value) for name, value in body.items() if name in fields})

    def messages(self, messages: Any, default: Place = Place.USER) -> Any:
        """A list of messages or items, or a text that stands for one."""
        if not isinstance(messages, list):
            return self._content(messages, default, 0)
        return _each(messages, lambda one: self._message(one, default))

    def system(self, value: Any) -> Any:
        return self._content(value, Place.SYSTEM, 0)

    def answer(self, value: Any) -> Any:
        return self._content(value, Place.ASSISTANT, 0)

    def template(self, value: Any) -> Any:
        """A stored prompt: what the application fills in."""
        if not isinstance(value, dict) or "variables" not in value:
            return value
        variables = value["variables"]
        if isinstance(variables, dict):
            filled = {name: self._content(one, Place.USER, 0, name) for name, one in variables.items()}
            variables = _with(variables, filled)
        return _with(value, {"variables": variables})

    def picture(self, value: Any) -> Any:
        """One that was made: the words that it was made from."""
        if not isinstance(value, dict) or "revised_prompt" not in value:
            return value
        return _with(value, {"revised_prompt": self._content(value["revised_prompt"], Place.ASSISTANT, 0)})

    def plain(self, value: Any) -> Any:
        return self._content(value, Place.INPUT, 0)

    def _message(self, message: Any, default: Place) -> Any:
        if not isinstance(message, dict):
            return self._content(message, default, 0)
        kind = message.get("type")
        place = _ROLES.get(str(message.get("role")), default)
        if isinstance(kind, str) and kind.endswith(("_call", "_tool_use", "reasoning")):
            place = Place.ASSISTANT
        return self._content(message, place, 0)

    def _content(self, value: Any, place: Place, depth: int, key: str = "") -> Any:
        _shallow(depth)
        if isinstance(value, str):
            return self._text(value, place, key)
        if isinstance(value, list):
            return _each(value, lambda one: self._content(one, place, depth + 1, key))
        if not isinstance(value, dict):
            return value
        place = _part_place(value, place)
        changed = {name: self._field(value, name, inner, place, depth + 1) for name, inner in value.items()}
        return _with(value, changed)

    def _field(self, owner: Mapping[str, Any], name: str, value: Any, place: Place, depth: int) -> Any:
        if isinstance(value, str) and _is_thinking(owner, name):
            if self._raw:
                return value  # with values in it, it would not be taken back
            return self._text(value, place, signed=bool(owner.get("signature")))
        if name in _ARGUMENTS:
            return self._arguments(name, value, depth)
        if name in ("file_data", "data"):
            return self._file(owner, name, value)
        if name == "result" and owner.get("type") == "image_generation_call":
            return value
        if name in _RESULTS:
            if isinstance(value, str):
                return self._json_or_text(value, place)
            return self._content(value, place, depth) if _is_parts(value) else self._values(value, place, "", depth)  # fmt: skip
        if name in ("content", "text") and place is Place.TOOL_RESULT and isinstance(value, str):
            return self._json_or_text(value, place)
        if name == "tools" and owner.get("type") == "mcp_list_tools":
            return self.tools(value, depth)
        if name in _TEXT or name in _INNER:
            return self._content(value, place, depth)
        return value

    def _arguments(self, name: str, value: Any, depth: int) -> Any:
        """A text under `input` is a custom tool's, and need not be JSON."""
        if isinstance(value, str):
            if self._raw:
                return self._text(value, Place.TOOL_CALL, "", raw=name != "input")
            return self._json_or_text(value, Place.TOOL_CALL)
        return self._values(value, Place.TOOL_CALL, "", depth)

    def _json_or_text(self, value: str, place: Place) -> str:
        """JSON is written anew only if a value in it changed, or one of its keys comes twice: what only some readers see is
        left out."""
        if value.lstrip()[:1] not in ("{", "["):
            return self._text(value, place)
        try:
            found, doubled = _read(value)
            changed = self._values(found, place, "", 0)
        except (ValueError, RecursionError):  # no JSON, or nested deeper than we go
            return self._text(value, place)
        return value if changed is found and not doubled else _written(changed)

    def _values(self, value: Any, place: Place, key: str, depth: int) -> Any:
        """All values in a JSON value; long numbers too, which become texts if they change."""
        _shallow(depth)
        if isinstance(value, str):
            if _TEXT_FILE.match(value) or _BINARY.fullmatch(value):
                return self._file({}, "data", value)
            return self._text(value, place, key)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LONG_NUMBER:
            changed = self._text(str(value), place, key)
            return value if changed == str(value) else changed
        if isinstance(value, list):
            return _each(value, lambda one: self._values(one, place, key, depth + 1))
        if not isinstance(value, dict):
            return value
        changed_values = {name: self._values(inner, place, name, depth + 1) for name, inner in value.items()}
        made = _with(value, changed_values)
        return self._with_keys(made, place) if self._raw or place in _CALLING else made

    def _with_keys(self, value: dict[str, Any], place: Place) -> dict[str, Any]:
        """Keys that are names of fields say nothing."""
        made: dict[str, Any] = {}
        for name, inner in value.items():
            changed = name if _FIELD_NAME.fullmatch(name) and not self._raw else self._text(name, place)
            key, number = changed, 1
            while key in made or (key != name and key in value):
                number += 1
                key = f"{changed} {number}"
            made[key] = inner
        return value if list(made) == list(value) else made

    def tools(self, value: Any, depth: int) -> Any:
        """Only what describes: names, types and allowed values are the application's code."""
        _shallow(depth)
        if isinstance(value, list):
            return _each(value, lambda one: self.tools(one, depth + 1))
        if not isinstance(value, dict):
            return value
        return _with(
            value,
            {
                name: self._text(inner, Place.TOOLS)
                if name in _DESCRIBING and isinstance(inner, str)
                else self.tools(inner, depth + 1)
                for name, inner in value.items()
            },
        )

    def _file(self, owner: Mapping[str, Any], name: str, value: Any) -> Any:
        """A text file as a data URL, in base64 beside its type, or as it is. Others are left as they are."""
        if not isinstance(value, str):
            return value
        if owner.get("type") == "text":
            return self._text(value, Place.FILE)
        head = _TEXT_FILE.match(value)
        kind = owner.get("media_type") or owner.get("mimeType") or owner.get("mime_type")
        if head is None and not (isinstance(kind, str) and _TEXT_TYPE.match(kind)):
            return value
        start = head.end() if head else 0
        file = TextFile.read(value[start:], is_base64=head is None or head["base64"] is not None)
        changed = self._text(file.text, Place.FILE)
        return value if changed == file.text else value[:start] + file.written(changed)

    def _text(
        self, value: str, place: Place, label: str = "", *, raw: bool = False, signed: bool = False
    ) -> str:
        return self._change(Text(place, value, label, raw, signed)) if value else value


_Fields = Callable[[_Walk], dict[str, Callable[[Any], Any]]]
_FIELDS: dict[Shape, _Fields] = {
    Shape.CHAT: lambda walk: {
        "messages": walk.messages,
        "choices": walk.answer,
        "prediction": walk.answer,
        "functions": lambda value: walk.tools(value, 0),
        "response_format": lambda value: walk.tools(value, 0),
    },
    Shape.RESPONSES: lambda walk: {
        "instructions": walk.system,
        "text": lambda value: walk.tools(value, 0),
        "prompt": walk.template,
        "input": walk.messages,
        "output": lambda value: walk.messages(value, Place.ASSISTANT),
        "output_text": walk.answer,
        "data": walk.messages,
    },
    Shape.MESSAGES: lambda walk: {
        "system": walk.system,
        "output_config": lambda value: walk.tools(value, 0),
        "output_format": lambda value: walk.tools(value, 0),
        "messages": walk.messages,
        "content": walk.answer,
    },
    Shape.GEMINI: lambda walk: {
        "systemInstruction": walk.system,
        "system_instruction": walk.system,
        "contents": walk.messages,
        "generateContentRequest": lambda value: walk.body(value, Shape.GEMINI),
        "content": walk.plain,
        "requests": walk.plain,
        "candidates": walk.answer,
    },
    Shape.EMBEDDINGS: lambda walk: {
        "input": walk.plain,
        "prompt": walk.plain,
        "suffix": walk.plain,
        "instructions": walk.plain,
        "known_speaker_names": walk.plain,
        "choices": walk.answer,
        "text": walk.answer,
        "segments": walk.answer,
        "data": lambda value: _each(value, walk.picture) if isinstance(value, list) else value,
    },
}


def _part_place(part: Mapping[str, Any], place: Place) -> Place:
    kind = part.get("type")
    if (
        kind in ("function_call_output", "custom_tool_call_output", "tool_result")
        or "functionResponse" in part
    ):
        return Place.TOOL_RESULT
    if isinstance(kind, str) and kind.endswith(("_call_output", "_tool_result")):
        return Place.TOOL_RESULT
    if kind == "document":
        return Place.FILE
    return place


def _is_thinking(owner: Mapping[str, Any], name: str) -> bool:
    """What may be signed: blocks of Messages, and details of reasoning as OpenRouter has them."""
    if name == "thinking":
        return True
    return name in ("text", "summary") and str(owner.get("type")).startswith("reasoning.")


def _is_parts(value: Any) -> bool:
    """A list of content parts, not a tool's own object."""
    return isinstance(value, list) and all(isinstance(one, dict) and "type" in one for one in value)


def _read(text: str) -> tuple[Any, bool]:
    """A JSON value with all digits, and whether a key comes twice in one of its objects."""
    doubled = False

    def held(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        made = dict(pairs)
        doubled = doubled or len(made) != len(pairs)
        return made

    return json.loads(text, object_pairs_hook=held, strict=False), doubled


def _written(value: Any) -> str:
    made = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, separators=(",", ":")) if _HALF.search(made) else made


def _each(values: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    changed = [change(one) for one in values]
    return values if all(new is old for new, old in zip(changed, values, strict=True)) else changed


def _with(value: dict[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    if all(value[name] is new or value[name] == new for name, new in changed.items()):
        return value
    return {**value, **changed}


def _shallow(depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"The body is nested deeper than {DEEPEST} levels.")
