"""A JSON schema made to fit structured outputs.

Every object must forbid further properties; what the grammar cannot hold to is told to the model in a description,
as the vendor's own SDK does; what would mean something else is Unfit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import orjson

FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
KEPT = frozenset({"type", "enum", "const", "title", "description", "required", "$ref"})
SAY_NOTHING = frozenset({"$schema", "$id", "$comment"})
LISTS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
TABLES = frozenset({"properties", "$defs", "definitions"})
DEPTH = 64  # of schemas within schemas
LEVELS = 4 * DEPTH  # of JSON: more than such a schema has


class Unfit(ValueError):
    """`path` within the schema cannot be expressed."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.why = why


def fitted(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    _no_circles(schema, path)
    return _fitted(schema, path, DEPTH)


def _fitted(schema: Any, path: str, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise Unfit(path, "every part of a schema must be an object there")
    if not depth:
        raise Unfit(path, "it is nested too deeply")
    made: dict[str, Any] = {}
    told: list[str] = []
    for name, value in schema.items():
        where = f"{path}.{name}"
        if name in LISTS and isinstance(value, list):
            made[LISTS[name]] = [_fitted(one, f"{where}[{i}]", depth - 1) for i, one in enumerate(value)]
        elif name in TABLES and isinstance(value, dict):
            made[name] = {key: _fitted(one, f"{where}.{key}", depth - 1) for key, one in value.items()}
        elif name == "items":
            made[name] = _fitted(value, where, depth - 1)
        elif name == "additionalProperties":
            if value is not False:
                raise Unfit(where, "objects cannot have properties there that the schema does not name")
            made[name] = False
        elif name in KEPT or _is_kept(name, value):
            made[name] = value
        elif name not in SAY_NOTHING and value is not None:
            told.append(f"{name}: {orjson.dumps(value).decode()}")
    if "properties" in made or _says(schema.get("type"), "object"):
        if not made.keys() & {"properties", "additionalProperties", "anyOf", "allOf"}:
            raise Unfit(path, "an object must name its properties there")
        made["additionalProperties"] = False
    if told:
        before = made.get("description")
        made["description"] = (f"{before}\n\n" if before else "") + "{" + ", ".join(told) + "}"
    return made


def _is_kept(name: str, value: Any) -> bool:
    return (name == "format" and value in FORMATS) or (name == "minItems" and value in (0, 1))


def _says(found: Any, kind: str) -> bool:
    return found == kind or (isinstance(found, list) and kind in found)


def _no_circles(schema: Mapping[str, Any], path: str) -> None:
    """Refuses definitions that hold themselves, and references that lead to none."""
    around: dict[str, set[str]] = {}
    for table in ("$defs", "definitions"):
        named = schema.get(table)
        for name, one in named.items() if isinstance(named, dict) else ():
            around[f"#/{table}/{name}"] = set(_references(one, LEVELS))
    for name in _references(schema, LEVELS):
        if name not in around:
            raise Unfit(path, f"the reference {name!r} leads to none of its definitions")
    try:
        TopologicalSorter(around).prepare()
    except CycleError as error:
        raise Unfit(path, f"the reference {error.args[1][0]!r} is circular") from None


def _references(value: Any, levels: int) -> Iterator[str]:
    if not levels:
        return
    if isinstance(value, dict):
        if isinstance(name := value.get("$ref"), str):
            yield name
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        yield from _references(one, levels - 1)
