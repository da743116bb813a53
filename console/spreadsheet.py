"""Files that are opened in spreadsheets, which take for a formula what begins like one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def answer(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """UTF-8 with commas, as RFC 4180 says. `name` is the file's, without its ending."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([safe(value) for value in row] for row in rows)
    made = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    made["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return made


def safe(value: Any) -> Any:
    """Text of other people never starts a formula; numbers are left as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_BEGINNINGS) else value
