"""Long lists, printed as they come: nothing of them is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from json import dumps
from typing import Any

from django.core.management.base import OutputWrapper

PAGE = 1_000  # rows that are made equally wide

Row = tuple[str, ...]


def write_object(
    out: OutputWrapper,
    first: dict[str, Any],
    name: str,
    items: Iterable[Any],
    last: Callable[[], dict[str, Any]] = dict,
) -> None:
    """One JSON object with a list in it; `last` is asked for what stands behind the list when that has ended.

    Nothing is written before there is a first item, so that what is wrong with the question leaves no half object.
    """
    between = f"{dumps(first)[:-1]}, {dumps(name)}: ["
    for item in items:
        out.write(between + dumps(item), ending="")
        between = ", "
    out.write("" if between == ", " else between, ending="")
    tail = (f", {dumps(key)}: {dumps(value)}" for key, value in last().items())
    out.write("]" + "".join(tail) + "}")


def write_table(out: OutputWrapper, head: Row, rows: Iterable[Row]) -> None:
    """In pages, each as wide as it must be and as the one before was. Nothing where there are no rows."""
    waiting, widths = [head], [0] * len(head)
    for row in rows:
        waiting.append(row)
        if len(waiting) > PAGE:
            widths = _write_page(out, waiting, widths)
            waiting = []
    if waiting != [head]:
        _write_page(out, waiting, widths)


def _write_page(out: OutputWrapper, rows: Sequence[Row], widths: Sequence[int]) -> list[int]:
    wide = [max(width, *(len(row[index]) for row in rows)) for index, width in enumerate(widths)]
    for row in rows:
        out.write("  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip())
    return wide
