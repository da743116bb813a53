"""Before and after an act, side by side: one row for each thing that can differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ABSENT = object()
MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Row:
    """`path` leads to it through objects, and through lists by the names of what is in them."""

    path: str
    before: str | None  # None: it was not there
    after: str | None

    @property
    def op(self) -> str:
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "same" if self.before == self.after else "changed"


def rows(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Row]:
    """What differs first; of a thing that was made or ended, all that is known of it. At most MOST_ROWS."""
    found = list(_rows("", before or {}, after or {}))
    return sorted(found, key=lambda row: row.op == "same")[:MOST_ROWS]


def _rows(path: str, before: Any, after: Any) -> Iterator[Row]:
    old, new = _named(before), _named(after)
    if (old is None and before is not ABSENT) or (new is None and after is not ABSENT) or not (old or new):
        if path:
            yield Row(path, _shown(before), _shown(after))
        return
    old, new = old or {}, new or {}
    for name in dict.fromkeys([*old, *new]):
        here = f"{path}.{name}" if path else name
        yield from _rows(here, old.get(name, ABSENT), new.get(name, ABSENT))


def _named(value: Any) -> dict[str, Any] | None:
    """What is inside, by name; None for what is looked at as a whole."""
    if isinstance(value, Mapping):
        return {str(name): one for name, one in value.items()}
    if isinstance(value, Sequence) and value and all(_has_name(one) for one in value):
        names = [one["name"] for one in value]
        return dict(zip(names, value, strict=True)) if len(set(names)) == len(names) else None
    return None


def _has_name(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name"), str)


def _shown(value: Any) -> str | None:
    match value:
        case None | "":
            return "not set"
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
        case list() | dict() if not value:
            return "none"
        case list() if all(isinstance(one, str | int) for one in value):
            return ", ".join(map(str, value))
        case list():
            return "; ".join(_shown(one) or "" for one in value)
        case dict():
            return ", ".join(f"{name} {_inside(one)}" for name, one in value.items())
        case _:
            return None


def _inside(value: Any) -> str:
    """What stands within a thing: in brackets, when it has parts itself."""
    told = _shown(value) or ""
    return f"({told})" if value and isinstance(value, list | dict) else told


def in_short(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, most: int = 3) -> str:
    """The first differences in one line."""
    found = [row for row in rows(before, after) if row.op != "same"]
    told = [_words(row) for row in found[:most]]
    return "; ".join([*told, f"and {len(found) - most} more"] if len(found) > most else told)


def _words(row: Row) -> str:
    old, new = (
        None if one is None else one if len(one) <= 40 else f"{one[:40]}…" for one in (row.before, row.after)
    )
    if row.op == "changed":
        return f"{row.path} {old} → {new}"
    return f"{row.path} {new}" if row.op == "added" else f"{row.path} was {old}"
