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
        self._known: dict[tuple[str, bool], Any] = {}
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
                self._write(sheet, row, at, column, column.value(line.figures))
        last = len(report.lines) + 1
        for at in range(len(names)):
            sheet.write_string(last, at, "" if at else "All", self._bold)
        for at, column in enumerate(shown, len(names)):
            self._write(sheet, last, at, column, column.value(report.whole), is_sum=True)
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
            sheet.write_number(row, 1, line.figures.requests, self._form("count"))
            form = self._form("money", self._report.currency)
            if line.figures.is_unpriced:
                sheet.write_string(row, 2, UNPRICED, form)
            else:
                sheet.write_number(row, 2, _money(line.figures.cost_nano), form)
        sheet.set_column(0, 2, 28)

    def facts(self) -> None:
        sheet = self._book.add_worksheet("About")
        told = [*facts(self._report), *(("Note", note) for note in self._report.notes)]
        for row, (name, text) in enumerate(told):
            sheet.write_string(row, 0, name, self._wrap)
            sheet.write_string(row, 1, text, self._wrap)
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 80)

    def _form(self, kind: Kind, currency: str = "", *, is_sum: bool = False) -> Any:
        number = _number_format(kind, currency)
        if (number, is_sum) not in self._known:
            emphasis = {"bold": True, "top": 1} if is_sum else {}
            self._known[number, is_sum] = self._book.add_format({"num_format": number, **emphasis})
        return self._known[number, is_sum]

    def _write(
        self,
        sheet: Any,
        row: int,
        at: int,
        column: Column,
        value: int | float | None,
        *,
        is_sum: bool = False,
    ) -> None:
        form = self._form(column.kind, column.currency, is_sum=is_sum)
        if value is None:
            sheet.write_string(row, at, UNPRICED if column.title.startswith("Cost") else UNKNOWN, form)
        elif column.kind == "money":
            sheet.write_number(row, at, _money(int(value)), form)
        else:
            sheet.write_number(row, at, value / 100 if column.kind == "percent" else value, form)


def _number_format(kind: Kind, currency: str) -> str:
    if kind != "money":
        return "#,##0" if kind == "count" else "0.00%"
    sign = SIGNS.get(currency, f"{currency} ")
    # Nine places where they matter: an amount below a cent must not read as nothing.
    return f'[=0]"{sign}"0.00;[<0.1]"{sign}"0.00#######;"{sign}"#,##0.00####'


def _money(nano: int) -> float:
    return float(Decimal(nano) / NANO)
