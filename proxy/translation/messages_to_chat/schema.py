"""Which JSON schemas OpenAI can hold a model to (https://platform.openai.com/docs/guides/structured-outputs)."""

from __future__ import annotations

from typing import Any

_LOOSE = frozenset(
    {
        "allOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
    }
)
_KINDS = frozenset({"type", "$ref", "anyOf", "enum", "const"})


def fits_strict(schema: Any) -> bool:
    """Whether OpenAI takes it with `strict`: each object closed, and each of its properties required."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or _LOOSE & node.keys() or not _KINDS & node.keys():
            return False
        if _is_object(node) and not _is_closed(node):
            return False
        for name in ("properties", "$defs", "definitions"):
            inner = node.get(name)
            waiting += inner.values() if isinstance(inner, dict) else ()
        if "items" in node:
            waiting.append(node["items"])
        if isinstance(choices := node.get("anyOf"), list):
            waiting += choices
    return True


def _is_object(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node


def _is_closed(node: dict[str, Any]) -> bool:
    properties = node.get("properties") or {}
    required = node.get("required") or []
    if not isinstance(properties, dict) or not isinstance(required, list):
        return False
    return node.get("additionalProperties") is False and all(name in required for name in properties)
