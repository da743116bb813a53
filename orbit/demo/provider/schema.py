"""A believable value for a JSON schema: arguments of a tool call, or a structured answer."""

import re
from typing import Any

_STRINGS_BY_NAME = (
    ("city", "Paris"),
    ("location", "Paris, France"),
    ("country", "France"),
    ("email", "ada@example.com"),
    ("date", "2026-03-14"),
    ("time", "09:30"),
    ("url", "https://example.com/"),
    ("currency", "EUR"),
    ("name", "Ada Lovelace"),
    ("query", "train timetable"),
    ("id", "item-42"),
)
_STRINGS_BY_FORMAT = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:30:00Z",
    "time": "09:30:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "6f2c1f6e-8a8e-4b51-9a39-3d0f5a4c7c11",
}
_DEEPEST = 8


def example_of(schema: object, *, hint: str = "") -> Any:
    """`hint` is the user's text: names in it are used for strings where they fit."""
    root = schema if isinstance(schema, dict) else {}
    return _example(root, root, "", hint, 0)


def _example(schema: Any, root: dict[str, Any], name: str, hint: str, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    if isinstance(reference := schema.get("$ref"), str):
        return _example(_follow(reference, root), root, name, hint, depth + 1)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if isinstance(options := schema.get("enum"), list) and options:
        return next((each for each in options if str(each).lower() in hint.lower()), options[0])
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(branches := schema.get(several), list) and branches:
            return _example(branches[0], root, name, hint, depth + 1)
    return _example_of_type(schema, root, name, hint, depth)


def _example_of_type(schema: dict[str, Any], root: dict[str, Any], name: str, hint: str, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0] if kind else "null"
    match kind:
        case "object":
            given, required = schema.get("properties"), schema.get("required")
            properties = given if isinstance(given, dict) else {}
            wanted = required if isinstance(required, list) and required else list(properties)
            return {
                key: _example(properties.get(key, {}), root, key, hint, depth + 1)
                for key in wanted
                if isinstance(key, str)
            }
        case "array":
            length = max(1, min(100, int(_number(schema, "minItems", 1))))
            return [_example(schema.get("items", {}), root, name, hint, depth + 1)] * length
        case "integer":
            return int(_number(schema, "minimum", min(3, _number(schema, "maximum", 3))))
        case "number":
            return float(_number(schema, "minimum", min(1.5, _number(schema, "maximum", 1.5))))
        case "boolean":
            return True
        case "null":
            return None
    return _string(schema, name, hint)


def _number(schema: dict[str, Any], name: str, usual: float) -> float:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else usual


def _string(schema: dict[str, Any], name: str, hint: str) -> str:
    if isinstance(layout := schema.get("format"), str) and layout in _STRINGS_BY_FORMAT:
        return _STRINGS_BY_FORMAT[layout]
    if names := re.findall(r"(?<=[a-z,] )[A-ZÀ-Ý][\w-]+", hint):
        return str(names[0])
    lowered = name.lower()
    return next((text for word, text in _STRINGS_BY_NAME if word in lowered), "example")


def _follow(reference: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step) if isinstance(found, dict) else None
    return found
