"""Reading what a client wrote: what must be there, and what has no counterpart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orbit.lib.errors import Code, OrbitError
from proxy.formats.base import Terms


def wrong(path: str, what: str) -> OrbitError:
    """What Anthropic would not take either."""
    return OrbitError(Code.INVALID_REQUEST, f"{path!r} {what}.", param=path)


def text_of(fields: Mapping[str, Any], name: str, path: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise wrong(f"{path}.{name}", "must be a string")
    return value


def object_of(fields: Mapping[str, Any], name: str, path: str = "") -> dict[str, Any]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise wrong(f"{path}.{name}".lstrip("."), "must be an object")
    return value


def object_or_nothing(fields: Mapping[str, Any], name: str, path: str = "") -> dict[str, Any]:
    return {} if fields.get(name) is None else object_of(fields, name, path)


def objects(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The members of a list, each with its path."""
    if not isinstance(value, list):
        raise wrong(path, "must be a list")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise wrong(f"{path}[{index}]", "must be an object")
        yield f"{path}[{index}]", item


def blocks_of(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Content, which may be a plain string; empty texts say nothing."""
    if isinstance(value, str):
        found = iter([(path, {"type": "text", "text": value})])
    else:
        found = objects(value, path)
    for place, block in found:
        if not isinstance(block.get("type"), str):
            raise wrong(f"{place}.type", "must be a string")
        if block["type"] != "text" or block.get("text") != "":
            yield place, block


def only(fields: Mapping[str, Any], known: frozenset[str], path: str, terms: Terms) -> None:
    """Every field that is not known is refused by its name; null says nothing."""
    for name, value in fields.items():
        if name not in known and value is not None:
            terms.cannot(f"{path}.{name}", "chat completions have no such field")


def note(terms: Terms, name: str) -> None:
    """Left out without asking, and told."""
    terms.drops(name)
