"""`manage.py usage`: what an organization used, summed from the rollups."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from orbit.lib import access, clock, money
from orbit.lib.errors import InputError
from quotas import usage
from quotas.rollups import QUARTER, bucket_start
from tenants.management.cli import OperatorCommand
from tenants.models import ApiKey, Organization, Project, ProviderAccount


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
            "--by", default="", metavar="LIST", help=f"comma list of {', '.join(usage.GROUPS)}"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        by = [one for one in options["by"].split(",") if one]
        unknown = [one for one in by if one not in usage.GROUPS]
        if unknown:
            raise InputError("--by", f"{unknown[0]!r} is unknown.", f"Choose from {', '.join(usage.GROUPS)}.")
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise InputError("--organization", f"there is no organization {options['organization']!r}.")
        now = datetime.now(UTC)
        since = _moment("--since", options["since"]) or _month_start(now, organization.time_zone)
        until = _round_up(_moment("--until", options["until"]) or now)
        with access.scope(organization_id=organization.pk):
            report = _report(organization, bucket_start(since), until, by, now)
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


def _month_start(now: datetime, time_zone: str) -> datetime:
    return (
        now.astimezone(ZoneInfo(time_zone))
        .replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        .astimezone(UTC)
    )


def _round_up(moment: datetime) -> datetime:
    start = bucket_start(moment)
    return start if start == moment else start + QUARTER


def _report(
    organization: Organization, since: datetime, until: datetime, by: list[str], now: datetime
) -> dict[str, Any]:
    found = usage.totals(since, until, by, time_zone=organization.time_zone)
    names = _names(by)
    rows = [
        {
            **{name: _shown(name, row[usage.GROUPS[name]], names) for name in by},
            **{name: row[name] for name in usage.TOTALS},
        }
        for row in found.rows
    ]
    return {
        "organization": organization.slug,
        "currency": organization.currency,
        "since": clock.rfc3339(since),
        "until": clock.rfc3339(until),
        "complete_until": clock.rfc3339(usage.complete_until(organization.shard, now)),
        "totals": {name: found.totals[name] for name in usage.TOTALS},
        "rows": rows,
    }


def _names(by: list[str]) -> dict[UUID, str]:
    """Readable names of the ids that rows are grouped by."""
    found: dict[UUID, str] = {}
    if "project" in by:
        found.update(Project.objects.values_list("pk", "slug"))
    if "key" in by:
        found.update(
            {
                pk: f"{slug}/{name}"
                for pk, slug, name in ApiKey.objects.values_list("pk", "project__slug", "name")
            }
        )
    if "account" in by:
        found.update(ProviderAccount.objects.values_list("pk", "name"))
    return found


def _shown(name: str, value: Any, names: dict[UUID, str]) -> str | None:
    if isinstance(value, UUID):
        return names.get(value, str(value))
    return f"{value:%Y-%m-%d}" if name == "day" else value


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
        money.amount(row["cost_nano"]),
        str(row["estimated_requests"]),
    ]
