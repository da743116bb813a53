"""Array literals hold what they were made of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from orbit.lib import arrays

IDS = [UUID(int=1), UUID(int=2**128 - 1), UUID(int=1)]
MOMENTS = [datetime(2026, 11, 30, 1, 2, 3, 4, UTC), datetime(999, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("text", ["", "a,b", "{c}", '"d"', "e\\", "\\N", "NULL", "f\tg\n", " h ", "é😀"]),
        ("text", [None, "NULL", None]),
        ("bigint", [0, -1, 2**63 - 1]),
        ("bigint", [1, None]),
        ("bigint", [None]),
        ("uuid", [*IDS, None]),
        ("timestamptz", MOMENTS),
        ("date", [date(2026, 11, 30), date(999, 1, 1)]),
    ],
    ids=str,
)
def test_column_comes_back(kind: str, column: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT value FROM unnest(%s::{kind}[]) AS value", [arrays.written(column)])
        assert [value for (value,) in cursor.fetchall()] == column


def test_rows_become_columns() -> None:
    assert arrays.columns([(1, "a"), (2, 'b"')]) == ["{1,2}", '{"a","b\\""}']
