"""A report as CSV: exact decimal amounts, and text that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from billing.reports.figures import Figures
from billing.reports.reading import Line, Report
from billing.reports.shown import UNKNOWN, UNPRICED, Column, columns, facts, heads
from orbit.lib import money
from orbit.lib.formulas import safe


def csv_file(report: Report) -> bytes:
    """UTF-8 with commas, as RFC 4180 says: the facts, a blank line, the table, the total, the notes."""
    text = io.StringIO()
    csv.writer(text).writerows(_rows(report))
    return text.getvalue().encode()


def _rows(report: Report) -> Iterator[list[Any]]:
    shown = columns(report)
    for name, told in facts(report):
        yield [name, safe(told)]
    yield []
    if report.question.by:
        yield [*heads(report), *(column.title for column in shown)]
        for line in report.lines:
            yield [*map(safe, line.labels), *_figures(shown, line.figures)]
        blank = [""] * (len(report.question.by) - 1)
        yield ["All", *blank, *_figures(shown, report.whole)]
    else:
        yield ["", *(column.title for column in shown)]
        yield ["All", *_figures(shown, report.whole)]
    if report.failures:
        yield []
        yield from _failures(report.failures, report.currency)
    if report.notes:
        yield []
        for note in report.notes:
            yield [safe(note)]


def _figures(shown: list[Column], figures: Figures) -> list[Any]:
    return [_cell(column, figures) for column in shown]


def _cell(column: Column, figures: Figures) -> Any:
    value = column.value(figures)
    if value is None:
        return UNPRICED if column.title.startswith("Cost") else UNKNOWN
    return money.amount(int(value)) if column.kind == "money" else value


def _failures(lines: list[Line], currency: str) -> Iterator[list[Any]]:
    yield ["Error code", "Requests", f"Cost all the same ({currency})"]
    for line in lines:
        figures = line.figures
        cost = UNPRICED if figures.is_unpriced else money.amount(figures.cost_nano)
        yield [safe(line.labels[0]), figures.requests, cost]
