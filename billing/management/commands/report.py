"""`manage.py report`: usage and cost by up to two dimensions, printed or as a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from billing.reports import asked, dimensions, reading, shown, spans
from billing.reports.files import FORMS
from billing.reports.reading import Report
from orbit.lib import access, money
from orbit.lib.errors import InputError
from tenants.management.cli import OperatorCommand
from tenants.models import Organization


class Command(OperatorCommand):
    help = "Report usage and cost of an organization. Without a range: this month of its calendar."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--range", metavar="NAME", help=", ".join(spans.CHOICES))
        parser.add_argument("--from", metavar="DAY", help="a day of its time zone, or a moment")
        parser.add_argument("--to", metavar="DAY", help="itself included; default: now")
        parser.add_argument(
            "--by",
            default="project",
            metavar="LIST",
            help=f"at most two of {', '.join(dimensions.TITLES)}; none",
        )
        parser.add_argument("--order", metavar="FIGURE", help=", ".join(asked.MEASURES))
        parser.add_argument("--most", metavar="N", help="so many rows, and the rest as one")
        for name in dimensions.NARROWING:
            parser.add_argument(f"--{name}", metavar="NAME", help="only its usage")
        parser.add_argument(
            "--output", metavar="FILE", help=f"ending in {', '.join(f'.{one}' for one in FORMS)}"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise InputError("--organization", f"there is no organization {options['organization']!r}.")
        try:
            with access.scope(organization_id=organization.pk):
                found = reading.report(organization, asked.question(options))
        except InputError as error:
            raise InputError(f"--{error.path}", error.message, error.suggestion) from None
        if options["output"]:
            self._write(found, Path(options["output"]))
        elif options["json"]:
            self.stdout.write(json.dumps(shown.as_json(found)))
        else:
            self.stdout.write(_printed(found))

    def _write(self, found: Report, path: Path) -> None:
        form = FORMS.get(path.suffix.removeprefix("."))
        if form is None:
            raise InputError(
                "--output", f"{path.name!r} must end in {', '.join(f'.{one}' for one in FORMS)}."
            )
        try:
            with path.open("xb") as file:
                file.write(form.make(found))
        except OSError as error:
            raise InputError("--output", f"{path} cannot be made: {error.strerror}.") from None
        self.stdout.write(f"{path}: {len(found.lines)} rows.")


def _printed(found: Report) -> str:
    lines = [f"{name}: {text}" for name, text in shown.facts(found)]
    columns = shown.columns(found)
    labels = shown.heads(found) or [""]
    table = [[*labels, *(column.title for column in columns)]]
    blank = [""] * (len(labels) - 1)
    rows = [*((line.labels, line.figures) for line in found.lines), (("All", *blank), found.whole)]
    for told, figures in rows:
        cells = [_cell(column, column.value(figures)) for column in columns]
        table.append([*told, *cells])
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    for row in table:
        cells = [
            cell.ljust(width) if at < len(labels) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if found.failures:
        cost = money.legible(found.failed_cost_nano, found.currency)
        is_unpriced = found.failed.is_unpriced
        lines.append(
            "What failures cost is unpriced." if is_unpriced else f"Failures cost {cost} all the same."
        )
    return "\n".join([*lines, *found.notes])


def _cell(column: shown.Column, value: int | float | None) -> str:
    if value is None:
        return shown.UNPRICED if column.title.startswith("Cost") else "-"
    if column.kind == "money":
        return money.legible(int(value), column.currency)
    return f"{value:g} %" if column.kind == "percent" else f"{value:,}"
