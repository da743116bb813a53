"""Reports as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from billing.reports import shown
from billing.reports.files import sheet, table
from billing.reports.files.paper import pdf
from billing.reports.reading import Report


@dataclass(frozen=True, slots=True)
class Form:
    name: str
    title: str
    content_type: str
    make: Callable[[Report], bytes]


def _json(report: Report) -> bytes:
    return json.dumps(shown.as_json(report), indent=1).encode()


FORMS = {
    form.name: form
    for form in (
        Form("csv", "CSV", "text/csv; charset=utf-8", table.csv_file),
        Form(
            "xlsx",
            "Excel",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            sheet.xlsx,
        ),
        Form("pdf", "PDF", "application/pdf", pdf),
        Form("json", "JSON", "application/json", _json),
    )
}
