"""A request or an answer without what it says: its structure, with each text in the place of which stands its length.

What stays is what describes a call: names of fields, roles, kinds, models, names of tools, figures outside of lists. A text
becomes `[redacted 1234 characters, 5f2c…]`; the digest is keyed, so that equal texts can be told and none can be guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

Mark = Callable[[bytes], str]  # the digest of a text

# Fields of every format whose texts are words of a fixed vocabulary, or the operator's own.
WORDS = frozenset(
    {"type", "role", "object", "model", "status", "finish_reason", "stop_reason", "service_tier", "phase",
     "effort", "verbosity", "truncation", "format", "encoding_format", "response_format", "detail"}
)  # fmt: skip
TOOLS = frozenset({"function", "tool", "tool_use", "function_call", "custom", "server_tool_use"})
WHOLE = frozenset(
    {"metadata", "arguments", "logprobs", "safety_identifier", "user"}
)  # without structure of ours
INPUTS = frozenset({"tool_use", "server_tool_use"})  # whose `input` is the model's own object
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")
NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,63}")


def redacted(content: bytes, mark: Mark) -> bytes:
    """JSON when it is JSON, else one text for all of it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return orjson.dumps(_bytes(content, mark))
    return of_value(value, mark)


def of_value(value: Any, mark: Mark) -> bytes:
    try:
        return orjson.dumps(_value(value, mark))
    except (RecursionError, TypeError, orjson.JSONEncodeError):
        return orjson.dumps("[redacted: nested too deep]")


def _value(value: Any, mark: Mark) -> Any:
    if isinstance(value, dict):
        return {_name(name, mark): _field(value, name, one, mark) for name, one in value.items()}
    if isinstance(value, list):
        if any(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            return _whole(value, mark)  # tokens and vectors say what a text says
        return [_value(one, mark) for one in value]
    return _text(value, mark) if isinstance(value, str) else value


def _field(owner: Mapping[str, Any], name: str, value: Any, mark: Mark) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if name in WHOLE or (name == "input" and owner.get("type") in INPUTS):
        return _text(value, mark) if isinstance(value, str) else _whole(value, mark)
    if isinstance(value, str) and WORD.fullmatch(value):
        if name in WORDS:
            return value
        if name == "name" and (owner.get("type") in TOOLS or _describes_tool(owner)):
            return value
    return _value(value, mark)


def _describes_tool(owner: Mapping[str, Any]) -> bool:
    return bool({"parameters", "input_schema", "arguments"} & owner.keys())


def _name(name: str, mark: Mark) -> str:
    return name if NAME.fullmatch(name) else _text(name, mark)


def _text(text: str, mark: Mark) -> str:
    return f"[redacted {len(text)} characters, {mark(text.encode('utf-8', 'surrogatepass'))}]"


def _whole(value: Any, mark: Mark) -> str:
    content = orjson.dumps(value)
    return f"[redacted {len(content)} bytes, {mark(content)}]"


def _bytes(content: bytes, mark: Mark) -> str:
    return f"[redacted {len(content)} bytes, {mark(content)}]"
