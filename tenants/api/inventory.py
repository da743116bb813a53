"""Every path below /api/v1/, as the resolver has them, and what is wrong with how they are declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tenants.api.endpoint import Endpoint
from tenants.rights import SCOPES

PREFIX = "api/v1/"
OPEN = frozenset(
    {"schema", "docs", "schemas/events/v1", ""}
)  # these, and the answer to what there is not, say nothing of this installation
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Route:
    path: str  # below the prefix, as it is written: organizations/<slug:organization>
    view: Any  # the class, or a function where there is none
    parameters: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with these parameters. KeyError for one that has no value."""
        parts = []
        for part in self.path.split("/"):
            name = part[1:-1].rpartition(":")[2] if part.startswith("<") else None
            parts.append(part if name is None else values[name])
        return "/".join(parts)


def routes() -> Iterator[Route]:
    """Also what is open to everybody."""
    return _below("", get_resolver().url_patterns)


def problems() -> Iterator[tuple[str, str]]:
    """The number of a check, and words."""
    for route in routes():
        if route.path in OPEN:
            continue
        if not (isinstance(route.view, type) and issubclass(route.view, Endpoint)):
            yield "tenants.E021", f"/{PREFIX}{route.path} is no Endpoint, so nobody says who may call it."
            continue
        yield from (("tenants.E022", f"/{PREFIX}{route.path} {fault}") for fault in _faults(route))


def _faults(route: Route) -> Iterator[str]:
    handled = {name.upper() for name in METHODS if hasattr(route.view, name)}
    for method in sorted(handled - set(route.view.scopes)):
        yield f"answers {method} and declares no scope for it."
    for method, scope in route.view.scopes.items():
        if method not in handled:
            yield f"declares a scope for {method}, which it does not answer."
        if scope is None and (method != "GET" or "organization" in route.parameters):
            yield f"takes no scope for {method}: only what is nobody's may be read with any credential."
        if scope is not None and scope not in SCOPES.values():
            yield f"takes {scope!r} for {method}, which is no scope."


def _below(prefix: str, patterns: list[Any]) -> Iterator[Route]:
    for one in patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            if path.startswith(PREFIX) or PREFIX.startswith(path):
                yield from _below(path, one.url_patterns)
        elif isinstance(one, URLPattern) and path.startswith(PREFIX):
            view = getattr(one.callback, "cls", one.callback)
            named = [part[1:-1] for part in path.split("/") if part.startswith("<")]
            yield Route(path.removeprefix(PREFIX), view, tuple(part.rpartition(":")[2] for part in named))
