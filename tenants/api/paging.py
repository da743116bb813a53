"""Long lists by cursor: no page shifts when something is added or goes, and the last is as fast as the first.

Each list is ordered by one column without duplicates, and a cursor is the last value of a page. DRF's own cursors
carry an offset besides, and answer 500 to one that somebody made up.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from orbit.lib.errors import InputError
from tenants.api.fields import Strict, Text

MOST = 200
USUAL = 50


class Paged(Strict):
    """The query of a list; filters are added by subclasses."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MOST, default=USUAL, help_text="how many at most on a page"
    )
    cursor = Text(required=False, max_length=500, help_text="`next_cursor` of the page before")


def page(
    rows: QuerySet[Any], ordering: str, asked: dict[str, Any], shown: type[serializers.Serializer[Any]]
) -> Response:
    """One page of rows, and the cursor of the next; `ordering` names a column, after `-` when it descends."""
    found, following = cut(rows, ordering, asked)
    return Response({"data": shown(found, many=True).data, "next_cursor": following})


def cut(rows: QuerySet[Any], ordering: str, asked: dict[str, Any]) -> tuple[list[Any], str | None]:
    """The rows of one page, and the cursor of the next; None where there is none."""
    limit = asked["limit"]
    found = list(following(rows, ordering, asked)[: limit + 1])
    more = len(found) > limit
    return found[:limit], encoded(getattr(found[limit - 1], ordering.removeprefix("-"))) if more else None


def following(rows: QuerySet[Any], ordering: str, asked: dict[str, Any]) -> QuerySet[Any]:
    """The rows in order, those of the pages before left out."""
    column = ordering.removeprefix("-")
    if "cursor" in asked:
        rows = _after(rows, column, "lt" if ordering.startswith("-") else "gt", asked["cursor"])
    return rows.order_by(ordering)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def _after(rows: QuerySet[Any], column: str, direction: str, cursor: str) -> QuerySet[Any]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if "\0" in text:
            raise ValueError("NUL")
        return rows.filter(**{f"{column}__{direction}": text})
    except (binascii.Error, ValueError, ValidationError):
        raise InputError("cursor", "is none of this list", "take next_cursor as it came") from None
