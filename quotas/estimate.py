"""How many input tokens a request can have: a bound from its bytes, or the count where that would refuse it.

Both know the same parts, and the bound has for each what the count has at most (docs/decisions/0007-counting-tokens.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quotas import media, tokens
from quotas.families import CL100K, CLAUDE, OPENAI, UNKNOWN, Family, family_of, longest

MESSAGE = 3  # around each message
NAME = 1
REPLY = 3  # that prime the answer
FUNCTION = {CL100K: 10}  # around each function, by encoding
FUNCTION_USUAL = 7
PROPERTIES = PROPERTY = ENUM_ITEM = 3
ENUM = -3
FUNCTIONS_END = 12
FUNCTION_MOST = 13  # of these for a function that has nothing in it
FORCED_TOOL, NO_TOOL = 7, 1
TOOL_PROMPT = 800  # that Claude gets as soon as there are tools
# What vendors tell a model of their own tools, by the beginning of the tool's type. Claude's first four as they
# were measured; nobody publishes the others.
BUILT_IN = {
    "bash_": 325,
    "text_editor_": 700,
    "computer": 4_500,
    "browser_": 6_600,
    **dict.fromkeys(("web_search", "web_fetch", "file_search", "tool_search", "code_", "memory_"), 1_500),
    **dict.fromkeys(("image_generation", "mcp", "shell", "local_shell", "apply_patch"), 1_500),
}
LEAST_OPENAI, LEAST = 0.95, 0.8  # of the count: ids and names are counted that are not read; Qwen's Japanese
STEP = 100  # values that are looked at between two texts

PROMPTS = ("prompt", "suffix", "prediction")
TOOLS = ("tools", "functions")
CONTENT = frozenset({"messages", "input", "system", *PROMPTS})
# What is sent along and never read by a model. All that is not known here counts as text.
SETTINGS = frozenset(
    {
        "audio",
        "cache_control",
        "container",
        "context_management",
        "conversation",
        "encoding_format",
        "include",
        "inference_geo",
        "logit_bias",
        "mcp_servers",
        "metadata",
        "modalities",
        "model",
        "previous_response_id",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "reasoning_effort",
        "safety_identifier",
        "service_tier",
        "speed",
        "stop",
        "stop_sequences",
        "stream_options",
        "thinking",
        "truncation",
        "user",
        "verbosity",
    }
)


# Fields of messages, parts and calls of tools; another's name may be text itself.
FIELDS = frozenset(
    {
        "arguments",
        "content",
        "custom",
        "function",
        "id",
        "input",
        "name",
        "refusal",
        "text",
        "tool_calls",
        "type",
    }
)


@dataclass
class Overhead:
    """Tokens that are no text; grows while the texts are taken."""

    tokens: int = 0


def bound(body: Mapping[str, Any], size: int, model: str = "") -> int:
    """Never less than the provider counts, from the body's size in bytes alone.

    A byte-level tokenizer makes at most one token of each byte, and the JSON around each message, property and
    token id is longer than what a provider adds for it; tools may be shorter. Media count as `media` says instead of by
    their bytes.
    """
    found = media.measure(body, model)
    return size - found.characters + found.tokens + REPLY + _tools_most(body, model)


async def exact(body: Mapping[str, Any], model: str, padding: float | None = None) -> int:
    """The tokenizer's count with the provider's overhead. Texts are padded for other vendors' tokenizers, by
    `padding` where one was measured; never beyond their bytes.
    """
    overhead = Overhead()
    family = family_of(model)
    counted = await tokens.count_texts(_texts(body, family, overhead), model, padding)
    return counted + overhead.tokens + media.measure(body, model).tokens


async def least(body: Mapping[str, Any], model: str) -> int:
    """Tokens that the provider counts at least: of the texts alone, with the sparest tokenizer."""
    family = family_of(model)
    padding = LEAST_OPENAI if family.vendor == OPENAI else LEAST
    return await tokens.count_texts(_texts(body, family, Overhead()), model, padding)


def _tools_most(body: Mapping[str, Any], model: str) -> int:
    """What tools may add beyond their bytes."""
    tools = _listed(body)
    if not tools:
        return 0
    return sum(map(_around, tools)) + FUNCTIONS_END + _tool_prompt(family_of(model))


def _around(tool: Any) -> int:
    """What is added to a tool that is shown as it is written."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    return FUNCTION_MOST + (longest(BUILT_IN, kind) or 0 if isinstance(kind, str) else 0)


def _listed(body: Mapping[str, Any]) -> list[Any]:
    """Tools under their new name and their old one."""
    return [tool for name in TOOLS if isinstance(value := body.get(name), list) for tool in value]


def _tool_prompt(family: Family) -> int:
    return TOOL_PROMPT if family.vendor in (CLAUDE, UNKNOWN) else 0


def _texts(body: Mapping[str, Any], family: Family, overhead: Overhead) -> Iterator[str]:
    """Every text of a request that a model may read; empty ones between many values that are none."""
    messages, items = body.get("messages"), body.get("input")
    turns = sum(map(_is_turn, items)) if isinstance(items, list) else 0
    if isinstance(messages, list) or turns:
        overhead.tokens += REPLY + turns * MESSAGE
    for message in messages if isinstance(messages, list) else ():
        yield from _message(message, overhead)
    yield from _content(body.get("system"), Overhead())
    yield from _content(items, overhead)
    for field in PROMPTS:
        yield from _strings(body.get(field), overhead)
    yield from _tools(_listed(body), family, overhead)
    for field, value in body.items():
        if field in TOOLS and isinstance(value, list):
            continue
        if field in ("tool_choice", "function_call"):
            yield from _choice(value, overhead)
        elif field == "response_format":
            yield from _format(value)
        elif field not in CONTENT | SETTINGS and isinstance(value, str | list | dict):
            yield value if isinstance(value, str) else _json(value)


def _message(message: Any, overhead: Overhead) -> Iterator[str]:
    overhead.tokens += MESSAGE
    if not isinstance(message, dict):
        yield from _strings(message, overhead)
        return
    for field, value in message.items():
        if field == "name" and value:
            overhead.tokens += NAME
        if isinstance(value, str):
            yield value
        elif field == "content":
            yield from _content(value, Overhead())
        elif value is not None:
            yield from _strings(value, Overhead())


def _is_turn(item: Any) -> bool:
    """Of the items of a response's input, those that a model is shown as messages."""
    return isinstance(item, dict) and ("role" in item or "call_id" in item)


def _content(value: Any, ids: Overhead) -> Iterator[str]:
    """A text, or a list of parts of which media count elsewhere."""
    seen = 0
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str):
            yield part
        for one in media.parts_of(part) if isinstance(part, dict) else ():
            yield from _strings(list(media.words_of(one)), ids)
            seen += 1
            if not seen % STEP:
                yield ""
        if not isinstance(part, str | dict):
            yield from _strings(part, ids)
        seen += 1
        if not seen % STEP:
            yield ""


def _strings(value: Any, ids: Overhead) -> Iterator[str]:
    """The strings in a value, the format's own words left out; numbers are token ids, one each."""
    todo = [value]
    seen = 0
    while todo:
        item = todo.pop()
        seen += 1
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            todo.extend(one for field, one in item.items() if not media.names_a_kind(field, one))
            todo.extend(item.keys() - FIELDS)
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, int):
            ids.tokens += 1
        if not seen % STEP:
            yield ""


def _choice(value: Any, overhead: Overhead) -> Iterator[str]:
    if value == "none":
        overhead.tokens += NO_TOOL
    elif isinstance(value, dict):
        overhead.tokens += FORCED_TOOL
        yield from _strings(value, Overhead())


def _format(value: Any) -> Iterator[str]:
    """A schema is shown to the model; the mere kinds of answer are not."""
    if isinstance(value, dict):
        yield from (
            _json({name: given})
            for name, given in value.items()
            if isinstance(given, str | list | dict) and name != "type"
        )


def _tools(tools: list[Any], family: Family, overhead: Overhead) -> Iterator[str]:
    """As OpenAI shows functions to its models; to others as they are written."""
    overhead.tokens += (FUNCTIONS_END if tools else 0) + (_tool_prompt(family) if tools else 0)
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if family.vendor == OPENAI and isinstance(function, dict) and isinstance(function.get("name"), str):
            overhead.tokens += FUNCTION.get(family.encoding, FUNCTION_USUAL)
            yield from _function(function, overhead)
            if function is not tool:
                yield from _rest(tool, {"function"})
        else:
            overhead.tokens += _around(tool)
            yield _json(tool)


def _function(function: dict[str, Any], overhead: Overhead) -> Iterator[str]:
    yield f"{function['name']}:{_sentence(function)}"
    parameters = function.get("parameters")
    if isinstance(parameters, dict):
        yield from _properties(parameters, overhead)
        yield from _rest(parameters, _known(parameters))
    else:
        yield from _rest({"parameters": parameters}, set())
    yield from _rest(function, {"name", "description", "parameters", "strict"})


def _properties(schema: dict[str, Any], overhead: Overhead) -> Iterator[str]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        yield from _rest({"properties": properties}, set())
    elif properties:
        overhead.tokens += PROPERTIES
        for name, property_ in properties.items():
            yield from _property(name, property_, overhead)


def _property(name: str, schema: Any, overhead: Overhead) -> Iterator[str]:
    """One property, and what is in it: objects as parameters of their own, an array's items as a property."""
    overhead.tokens += PROPERTY
    if not isinstance(schema, dict):
        yield name
        yield from _rest({name: schema}, set())
        return
    kind = schema.get("type", "")
    yield f"{name}:{kind if isinstance(kind, str) else _json(kind)}:{_sentence(schema)}"
    enum = schema.get("enum")
    if isinstance(enum, list):
        overhead.tokens += ENUM
        for item in enum:
            yield from _enum_item(item, overhead)
    yield from _properties(schema, overhead)
    if isinstance(schema.get("items"), dict):
        yield from _property("", schema["items"], overhead)
    also = {
        field for field, shape in (("enum", list), ("items", dict)) if isinstance(schema.get(field), shape)
    }
    yield from _rest(schema, _known(schema) | {"type", "description"} | also)


def _known(schema: dict[str, Any]) -> set[str]:
    """Fields of a schema that are shown by the rule, or by nothing but a sign."""
    flag = {"additionalProperties"} if isinstance(schema.get("additionalProperties"), bool) else set[str]()
    return {"properties", "required"} | flag


def _enum_item(item: Any, overhead: Overhead) -> Iterator[str]:
    """A number is shorter in JSON than what is counted for a text."""
    overhead.tokens += ENUM_ITEM if isinstance(item, str) else 1
    yield item if isinstance(item, str) else _json(item)


def _sentence(schema: dict[str, Any]) -> str:
    text = schema.get("description")
    return text.removesuffix(".") if isinstance(text, str) else "" if text is None else _json(text)


def _rest(schema: dict[str, Any], known: set[str]) -> Iterator[str]:
    """What the rule does not know, as it is written."""
    rest = {
        name: value
        for name, value in schema.items()
        if name not in known and value is not None and not media.names_a_kind(name, value)
    }
    if rest:
        yield _json(rest)[1:-1]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
