"""`manage.py usage`: what an organization used, summed from the rollups."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from orbit.lib import access, clock
from orbit.lib.errors import InputError
from quotas import totals
from quotas.reports import usage_report
from tenants.management.cli import OperatorCommand
from tenants.models import Organization


class Command(OperatorCommand):
    help = "Sum an organization's usage. Without --since: this calendar month in its time zone."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument(
            "--since", metavar="TIME", help="RFC 3339 or a date (UTC); rounded down to a quarter of an hour"
        )
        parser.add_argument(
            "--until", metavar="TIME", help="default: now; rounded up to a quarter of an hour"
        )
        parser.add_argument(
            "--by", default="", metavar="LIST", help=f"comma list of {', '.join(totals.GROUPS)}"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        by = [one for one in options["by"].split(",") if one]
        unknown = [one for one in by if one not in totals.GROUPS]
        if unknown:
            raise InputError(
                "--by", f"{unknown[0]!r} is unknown.", f"Choose from {', '.join(totals.GROUPS)}."
            )
        try:
            totals.together(by, {})
        except InputError as error:
            raise InputError("--by", f"{error.message}.", f"{error.suggestion}.".capitalize()) from None
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise InputError("--organization", f"there is no organization {options['organization']!r}.")
        since, until = (_moment(f"--{name}", options[name]) for name in ("since", "until"))
        with access.scope(organization_id=organization.pk):
            report = usage_report(organization, since=since, until=until, by=by)
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(_table(report, by))


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return clock.parse(text) if text else None
    except ValueError as error:
        raise InputError(
            option, f"{text!r} is no time.", "Write 2026-11-23 or 2026-11-23T10:00:00Z."
        ) from error


def _table(report: dict[str, Any], by: list[str]) -> str:
    lines = [
        f"{report['organization']}: {report['since']} to {report['until']} (complete until {report['complete_until']})"
    ]
    head = [
        *by,
        "requests",
        "refused",
        "input tokens",
        "output tokens",
        f"cost {report['currency']}",
        "estimated",
    ]
    body = [[*(str(row[name] or "-") for name in by), *_figures(row)] for row in report["rows"]]
    body.append([*(["all"] + [""] * (len(by) - 1) if by else []), *_figures(report["totals"])])
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    for row in [head, *body]:
        cells = [
            cell.ljust(w) if i < len(by) else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _figures(row: dict[str, Any]) -> list[str]:
    return [
        str(row["requests"]),
        str(row["refused"]),
        str(row["input_tokens"]),
        str(row["output_tokens"]),
        row["cost"],
        str(row["estimated_requests"]),
    ]
