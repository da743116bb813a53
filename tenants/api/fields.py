"""What bodies and queries consist of: strict, so that nothing is taken for what it is not."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orbit.lib.errors import InputError
from tenants.schema import values

MOST_ITEMS = 1000


class Strict(serializers.Serializer[Any]):
    """Refuses what it does not know: nobody believes to have set what was ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = {
                name: ["is not known" + _near(name, self.fields)] for name in data if name not in self.fields
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """`true` or `false`; in a query also as text."""

    def to_internal_value(self, data: Any) -> bool:
        if data in ("true", "false"):
            return bool(data == "true")
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """RFC 3339 with a zone: a moment without one would be read differently by different people."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return values.zoned(data)
        except InputError as error:
            raise serializers.ValidationError(error.message) from None


class Words(serializers.ListField):
    """A list of texts."""

    child = Text(max_length=200)

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": MOST_ITEMS, **options})


class Document(serializers.JSONField):
    """An object whose own schema is elsewhere, such as a policy."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("must be an object")
        return data


def _near(name: str, known: Any) -> str:
    found = values.nearest(name, list(known))
    return f"; {found}" if found else ""
