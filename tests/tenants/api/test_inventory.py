"""Every route of the management API declares what it takes, and is described."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema

from tenants.api.description import description
from tenants.api.endpoint import Endpoint
from tenants.rights import SCOPES

OPEN = {"schema", "docs", "schemas/events/v1", ""}  # the last is what no endpoint is at
ANYBODYS = {"me", "prices", "audit/public-keys"}  # any valid credential opens them


def _routes() -> dict[str, type[Endpoint]]:
    found: dict[str, type[Endpoint]] = {}

    def walk(patterns: list[Any], prefix: str) -> None:
        for one in patterns:
            path = prefix + str(one.pattern)
            if isinstance(one, URLResolver):
                walk(one.url_patterns, path)
            elif isinstance(one, URLPattern) and path.startswith("api/v1/"):
                name = path.removeprefix("api/v1/")
                if name not in OPEN:
                    found[name] = one.callback.cls  # type: ignore[attr-defined]

    walk(get_resolver().url_patterns, "")
    return found


ROUTES = _routes()


@pytest.mark.parametrize("path", ROUTES)
def test_route_declares_a_scope_for_each_method(path: str) -> None:
    view = ROUTES[path]
    assert issubclass(view, Endpoint)
    handled = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}
    assert handled == set(view.scopes)
    assert all(scope is None or str(scope) in SCOPES for scope in view.scopes.values())
    assert path in ANYBODYS or None not in view.scopes.values()
    assert view.__doc__ not in (None, Endpoint.__doc__)


def test_every_method_is_described_with_its_scope() -> None:
    said = description()
    for path, view in ROUTES.items():
        key = "/api/v1/" + _braces(path)
        operations = said["paths"][key]
        assert {method.upper() for method in operations} == set(view.scopes), key
        for method, operation in operations.items():
            scope = view.scopes[method.upper()]
            assert operation["security"] == [{"bearer": [str(scope)] if scope else []}]


def _braces(path: str) -> str:
    """`<slug:organization>` as `{organization}`."""
    parts = path.split("/")
    return "/".join(f"{{{part[1:-1].partition(':')[2]}}}" if part.startswith("<") else part for part in parts)


def test_the_description_is_valid() -> None:
    said = description()
    assert said["openapi"].startswith("3.1.")
    validate_schema(said)  # type: ignore[no-untyped-call]
    ids = [operation["operationId"] for path in said["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_the_description_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    description()
    assert capsys.readouterr().err == ""


def test_bodies_are_described_as_strict() -> None:
    said = description()["components"]["schemas"]
    assert said["NewKey"]["additionalProperties"] is False
    assert "additionalProperties" not in said["Key" if "Key" in said else "KeyShown"]
