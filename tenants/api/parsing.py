"""Bodies: JSON, decoded as strictly as those of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, cast

from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from orbit.lib import body

MOST_BYTES = 4_000_000  # the longest declarative file that anybody should send


class TooLarge(exceptions.APIException):
    status_code = 413
    default_detail = f"The body must not be larger than {MOST_BYTES} bytes."


class StrictJSON(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise TooLarge
        return body.decode(raw) if raw else {}


def checked_body(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the body says, by name; ValidationError for what is wrong with it."""
    return _checked(kind, cast("Mapping[str, Any]", request.data))


def checked_query(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the query says. A name that stands there twice is refused: two readers could take different ones."""
    twice = {name: ["must stand here once"] for name, found in request.query_params.lists() if len(found) > 1}
    if twice:
        raise serializers.ValidationError(twice)
    return _checked(kind, cast("Mapping[str, Any]", request.query_params.dict()))


def _checked(kind: type[serializers.Serializer[Any]], data: Mapping[str, Any]) -> dict[str, Any]:
    read = kind(data=data)
    read.is_valid(raise_exception=True)
    found: dict[str, Any] = read.validated_data
    return found
