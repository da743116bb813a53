"""The OpenAPI description itself, made once in each process, and the page on which it can be tried."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.renderers import JSONRenderer


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Open to everybody: it says nothing of this installation."""
    return HttpResponse(_rendered(), content_type="application/vnd.oai.openapi+json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, as open as the description. Calls from it take a pasted key; a session opens nothing."""
    return render(request, "api_docs.html")


def description() -> dict[str, Any]:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    made: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def table() -> str:
    """Paths with their methods and scopes, as docs/api.md prints them."""
    lines = ["| path | takes | what it is |", "| --- | --- | --- |"]
    for path, operations in description()["paths"].items():
        said = [f"{method.upper()} {_scope(operation)}" for method, operation in operations.items()]
        meaning = next(iter(operations.values()))["description"].partition("\n\n")[0].replace("\n", " ")
        lines.append(
            f"| `{path.removeprefix('/api/v1')}` | {', '.join(said)} | {meaning.partition('. ')[0].rstrip('.')} |"
        )
    return "\n".join(lines)


def _scope(operation: dict[str, Any]) -> str:
    scopes = operation["security"][0]["bearer"]
    return f"`{scopes[0]}`" if scopes else "any"


@lru_cache(maxsize=1)
def _rendered() -> bytes:
    return bytes(JSONRenderer().render(description()))
