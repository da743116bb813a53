"""The client's JSON, read with the path at hand, so that what is wrong can be named. A null is as good as absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orbit.lib.errors import Code, OrbitError
from proxy.formats.base import Terms


def malformed(path: str, what: str) -> OrbitError:
    """What the client's own format forbids; no policy lets it pass."""
    return OrbitError(Code.INVALID_REQUEST, f"{path!r} {what}.", param=path)


def text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise malformed(path, "must be a text")
    return value


def flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise malformed(path, "must be true or false")
    return value


def number(value: Any, path: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise malformed(path, "must be a number")
    return value


def mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(path, "must be an object")
    return {name: one for name, one in value.items() if one is not None}


def whole(value: Any, path: str) -> dict[str, Any]:
    """An object of the client's own, such as a schema, where a null says something."""
    if not isinstance(value, dict):
        raise malformed(path, "must be an object")
    return value


def items(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise malformed(path, "must be a list")
    return value


def only(found: Mapping[str, Any], names: Collection[str], path: str, terms: Terms) -> None:
    """Whatever else stands in an object cannot be sent."""
    for name in found:
        if name not in names:
            terms.cannot(f"{path}.{name}", "its format has no such field")
