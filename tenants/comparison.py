"""What became different from one policy document to another, in words that a person can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ALLOWED = "dlp.allow"
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, or a limit as a whole. `path` goes by the names of limits: `limits.daily.limit`."""

    op: str  # added, removed or changed
    path: str
    before: Any = None
    after: Any = None

    @property
    def words(self) -> str:
        said = {
            "added": shown(self.after),
            "removed": shown(self.before),
            "changed": f"{shown(self.before)} → {shown(self.after)}",
        }
        return f"{_SIGNS[self.op]} {self.path}: {said[self.op]}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Between documents as revisions store them. Empty when they say the same."""
    plain = [{name: value for name, value in one.items() if name != "limits"} for one in (before, after)]
    old, new = (list(one.get("limits", ())) for one in (before, after))
    return [*_fields("", *plain), *_limits(old, new)]


def _fields(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        old, new, here = before.get(name), after.get(name), f"{path}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _fields(f"{here}.", old, new)
        elif here == ALLOWED and isinstance(old, list) and isinstance(new, list):
            yield from _entries(here, old, new)
        elif old != new:
            yield Difference("changed", here, old, new)


def _entries(
    here: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[Difference]:
    """Of a long list without an order."""
    old, new = ({frozenset(one.items()): one for one in entries} for entries in (before, after))
    yield from (Difference("removed", here, entry, None) for one, entry in old.items() if one not in new)
    yield from (Difference("added", here, None, entry) for one, entry in new.items() if one not in old)


def _limits(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    old, new = ({limit["name"]: limit for limit in limits} for limits in (before, after))
    for name in dict.fromkeys([*old, *new]):
        here = f"limits.{name}"
        if name not in new:
            yield Difference("removed", here, old[name], None)
        elif name not in old:
            yield Difference("added", here, None, new[name])
        else:
            yield from _fields(f"{here}.", old[name], new[name])
    order = [[name for name in one if name in old and name in new] for one in (old, new)]
    if order[0] != order[1]:
        yield Difference("changed", "order of limits", *order)


def shown(value: Any) -> str:
    """A value of a policy as people write it; a limit in one line."""
    if isinstance(value, Mapping) and "meter" in value:
        return _limit(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(one)}" for name, one in value.items() if one is not None)
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _limit(limit: Mapping[str, Any]) -> str:
    """`600 requests per minute, burst 60`."""
    per = limit.get("per")
    window = " in total" if per == "total" else f" per {per}" if per else ""
    usual = {"burst": limit["limit"], "of": "self", "shadow": False}
    more = [
        f"{name} {shown(value)}"
        for name, value in limit.items()
        if name not in ("name", "meter", "per", "limit") and value is not None and value != usual.get(name)
    ]
    return ", ".join([f"{limit['limit']} {limit['meter']}{window}", *more])
