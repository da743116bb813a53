"""The OpenAPI description, made from what endpoints declare."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from tenants.api.fields import Strict
from tenants.api.problems import CONTENT_TYPE, PROBLEMS

_HEADERS = {
    "Idempotency-Key": "A creation repeated under the same key within 24 hours happens once, and is answered as the first time.",
    "If-Match": "The ETag of what is to be changed: 412 when it is not that any more.",
    "If-None-Match": "On GET: 304 when this is still the ETag. With `*` on PUT: 412 when there is one already.",
}


class FaultShown(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="where in the request, such as `allow.models[0]`")
    detail = serializers.CharField(help_text="what is wrong")
    remedy = serializers.CharField(required=False, help_text="what to do instead")


class ProblemShown(serializers.Serializer[Any]):
    """A problem (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.ChoiceField(sorted(PROBLEMS))
    detail = serializers.CharField()
    errors = FaultShown(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField()


class EndpointSchema(AutoSchema):
    @property
    def endpoint(self) -> Any:
        return self.view

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.removeprefix("/api/v1/").split("/") if part]
        verb = len(parts) == 3 and set(self.endpoint.scopes) == {
            "POST"
        }  # such as suspend, of the organization
        inside = parts[0] == "organizations" and len(parts) > 2 and not verb
        return [parts[2] if inside else parts[0]]

    def get_description(self) -> str:  # type: ignore[override]
        scope = self.endpoint.scopes.get(self.method)
        takes = f"Takes the scope `{scope}`." if scope is not None else "Takes any valid credential."
        return f"{(self.endpoint.__doc__ or '').strip()}\n\n{takes}".strip()

    def get_operation_id(self) -> str:
        return f"{_VERBS[self.method]}_{_words(self.path)}"

    def get_request_serializer(self) -> Any:
        return self.endpoint.body if self.method in ("POST", "PUT", "PATCH") else None

    def get_response_serializers(self) -> Any:
        view = self.endpoint
        good: dict[Any, Any] = {}
        if self.method == "GET" and view.files:
            good = {(200, content_type): OpenApiTypes.BINARY for content_type in view.files}
        elif self.method == "GET":
            good[200] = _page_of(view.shown) if hasattr(view, "rows") else view.shown
            good[304] = None
        elif self.method == "POST":
            kind = view.created or view.shown
            good[view.status if kind else 204] = kind
        elif self.method == "PUT":
            good = {200: view.shown, 201: view.shown}
        else:
            good[200 if self.method == "PATCH" else 204] = view.shown if self.method == "PATCH" else None
        return good | {(number, CONTENT_TYPE): ProblemShown for number in self._failures()}

    def _failures(self) -> list[int]:
        found = [400, 401, 403, 404, 406, 429, 500, 503]
        if self.method in ("PUT", "PATCH", "DELETE"):
            found.append(412)
        if self.method in ("POST", "PUT", "PATCH"):
            found += [413, 415]
        if self.method == "POST":
            found.append(422)
        return sorted(found)

    def get_override_parameters(self) -> list[Any]:
        view = self.endpoint
        asked = self.method == "GET" and view.filters().fields
        found: list[Any] = [view.filters] if asked else []
        names = {
            "GET": ["If-None-Match"],
            "POST": ["Idempotency-Key"],
            "PUT": ["If-Match", "If-None-Match"],
            "PATCH": ["If-Match"],
            "DELETE": ["If-Match"],
        }[self.method]
        if not hasattr(view, "current") and self.method != "GET":
            names = []
        return found + [
            OpenApiParameter(name, str, OpenApiParameter.HEADER, description=_HEADERS[name]) for name in names
        ]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """As the framework's, and that bodies hold nothing else."""
        made: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return made | {"additionalProperties": False} if isinstance(serializer, Strict) else made

    def get_auth(self) -> list[dict[str, list[str]]]:
        scope = self.endpoint.scopes.get(self.method)
        return [{"bearer": [str(scope)] if scope is not None else []}]


_VERBS = {"GET": "read", "POST": "post", "PUT": "put", "PATCH": "change", "DELETE": "remove"}


def _words(path: str) -> str:
    parts = path.removeprefix("/api/v1/").split("/")
    return "_".join(part.strip("{}").replace("-", "_") for part in parts if part)


@lru_cache(maxsize=256)
def _page_of(kind: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    fields = {
        "data": kind(many=True),
        "next_cursor": serializers.CharField(allow_null=True, help_text="null on the last page"),
        "__doc__": "A page of a list.",
    }
    return type(kind.__name__.removesuffix("Shown") + "Page", (serializers.Serializer,), fields)
