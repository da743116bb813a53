"""The columns of tables made of events: one for each field of docs/events.md, and one for whatever else there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from audit.fields import FIELDS, TIME
from orbit.lib.clock import parse, to_us


class Kind(Enum):
    TEXT = "text"
    WHOLE = "whole"
    TRUTH = "truth"
    TIME = "time"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind


OTHER = "other"  # what is of no column, or does not fit into its own, as JSON


def _columns() -> Iterator[Column]:
    found: dict[str, Kind] = {}
    for field in FIELDS:
        found |= {name: _kind(schema) for name, schema in field.schemas().items()}
    found |= {"dropped": Kind.TRUTH, OTHER: Kind.JSON}
    yield from (Column(name, kind) for name, kind in found.items())


def _kind(schema: Mapping[str, Any]) -> Kind:
    if schema == TIME:
        return Kind.TIME
    if schema.get("const") is True or schema.get("type") == "boolean":
        return Kind.TRUTH
    if "const" in schema or schema.get("type") == "integer":
        return Kind.WHOLE
    return Kind.JSON if schema.get("type") in ("object", "array") else Kind.TEXT


COLUMNS = tuple(_columns())
_PLACES = {column.name: (place, column.kind) for place, column in enumerate(COLUMNS[:-1])}


def cells(event: Mapping[str, Any]) -> list[Any]:
    """The event's values by column: None, text, int, bool, and microseconds for times. JSON is text by now."""
    made: list[Any] = [None] * len(COLUMNS)
    left: dict[str, Any] = {}
    for name, value in event.items():
        if value is None:
            continue
        place = _PLACES.get(name)
        cell = None if place is None else _cell(place[1], value)
        if place is None or cell is None:
            left[name] = value
        else:
            made[place[0]] = cell
    if left:
        made[-1] = written(left)
    return made


def _cell(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.TEXT:
            return value if isinstance(value, str) else None
        case Kind.WHOLE:
            whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
            return value if whole else None
        case Kind.TRUTH:
            return value if isinstance(value, bool) else None
        case Kind.TIME:
            return _micros(value) if isinstance(value, str) else None
        case Kind.JSON:
            return written(value) if isinstance(value, dict | list) else None


def _micros(text: str) -> int | None:
    try:
        return to_us(parse(text))
    except ValueError:
        return None


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
