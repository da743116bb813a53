"""A report as a workbook: numbers as numbers, with formats; nothing in it is a formula."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import xlsxwriter

from billing.reports.reading import Report
from billing.reports.shown import UNKNOWN, UNPRICED, Column, Kind, columns, facts, heads
from orbit.lib.money import NANO, SIGNS

_WIDTHS: dict[Kind, int] = {"count": 13, "money": 17, "percent": 12}


def xlsx(report: Report) -> bytes:
    """Amounts are kept to the nano-unit as far as a spreadsheet's numbers go (fifteen digits)."""
    content = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": report.question.title, "author": "Orbit Gateway"})
        made = _Sheet(book, report)
        made.table()
        made.failures()
        made.facts()
    return content.getvalue()


class _Sheet:
    def __init__(self, book: Any, report: Report) -> None:
        self._book, self._report = book, report
        sign = SIGNS.get(report.currency, f"{report.currency} ")
        # Nine places where they matter: an amount below a cent must not read as nothing.
        small = f'[=0]"{sign}"0.00;[<0.1]"{sign}"0.00#######;"{sign}"#,##0.00####'
        self._formats = {
            "money": book.add_format({"num_format": small}),
            "count": book.add_format({"num_format": "#,##0"}),
            "percent": book.add_format({"num_format": "0.00%"}),
        }
        self._all = {
            name: book.add_format({"num_format": one.num_format, "bold": True, "top": 1})
            for name, one in self._formats.items()
        }
        self._head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._bold = book.add_format({"bold": True, "top": 1})
        self._wrap = book.add_format({"text_wrap": True, "valign": "top"})

    def table(self) -> None:
        report, shown = self._report, columns(self._report)
        sheet = self._book.add_worksheet("Report")
        names = heads(report) or [""]
        for at, title in enumerate([*names, *(column.title for column in shown)]):
            sheet.write_string(0, at, title, self._head)
        for row, line in enumerate(report.lines, 1):
            for at, label in enumerate(line.labels):
                sheet.write_string(row, at, label)
            for at, column in enumerate(shown, len(names)):
                self._write(sheet, row, at, column, column.value(line.figures), self._formats)
        last = len(report.lines) + 1
        for at in range(len(names)):
            sheet.write_string(last, at, "" if at else "All", self._bold)
        for at, column in enumerate(shown, len(names)):
            self._write(sheet, last, at, column, column.value(report.whole), self._all)
            sheet.set_column(at, at, _WIDTHS[column.kind])
        sheet.set_column(0, len(names) - 1, 28)
        sheet.freeze_panes(1, len(names))
        if report.lines:
            sheet.autofilter(0, 0, last - 1, len(names) + len(shown) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)

    def failures(self) -> None:
        if not self._report.failures:
            return
        sheet = self._book.add_worksheet("Failures")
        for at, title in enumerate(
            ("Error code", "Requests", f"Cost all the same ({self._report.currency})")
        ):
            sheet.write_string(0, at, title, self._head)
        for row, line in enumerate(self._report.failures, 1):
            sheet.write_string(row, 0, line.labels[0])
            sheet.write_number(row, 1, line.figures.requests, self._formats["count"])
            sheet.write_number(row, 2, _money(line.figures.cost_nano), self._formats["money"])
        sheet.set_column(0, 2, 28)

    def facts(self) -> None:
        sheet = self._book.add_worksheet("About")
        told = [*facts(self._report), *(("Note", note) for note in self._report.notes)]
        for row, (name, text) in enumerate(told):
            sheet.write_string(row, 0, name, self._wrap)
            sheet.write_string(row, 1, text, self._wrap)
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 80)

    def _write(
        self, sheet: Any, row: int, at: int, column: Column, value: int | float | None, formats: Any
    ) -> None:
        form = formats[column.kind]
        if value is None:
            sheet.write_string(row, at, UNPRICED if column.title.startswith("Cost") else UNKNOWN, form)
        elif column.kind == "money":
            sheet.write_number(row, at, _money(int(value)), form)
        else:
            sheet.write_number(row, at, value / 100 if column.kind == "percent" else value, form)


def _money(nano: int) -> float:
    return float(Decimal(nano) / NANO)
