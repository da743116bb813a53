"""`manage.py reconcile`: compares an account's calls with what its provider billed, now and here."""

from __future__ import annotations

import argparse
import json
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from billing.models import BillException, Comparison, Run
from billing.reconcile import runs
from orbit.lib import access, money
from orbit.lib.errors import InputError
from tenants.management.cli import OperatorCommand
from tenants.models import Organization


class Command(OperatorCommand):
    help = "Compare an account's calls with what its provider billed. Without days: those that may have changed of late."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--account", required=True, metavar="NAME", help="of the provider account")
        parser.add_argument("--since", metavar="DAY", help="the first day (UTC), such as 2026-11-01")
        parser.add_argument("--until", metavar="DAY", help="the day after the last; default: today")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, **options: Any) -> None:
        with access.operator():
            organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise InputError("--organization", f"there is no organization {options['organization']!r}.")
        since, until = (_day(f"--{name}", options[name]) for name in ("since", "until"))
        where: dict[str, Any] = {"organization_id": organization.pk}
        try:
            run = runs.request_run(
                **where,
                actor="manage.py reconcile",
                account=options["account"],
                since=since,
                until=until,
                here=True,
            )
        except InputError as error:
            raise InputError(f"--{error.path}", f"{error.message}.", error.suggestion) from None
        runs.perform(**where, run_id=run.pk)
        with access.scope(**where):
            run = Run.objects.get(pk=run.pk)
            report = _report(organization, run)
        self.stdout.write(json.dumps(report) if options["json"] else _words(report))
        if run.state != Run.State.DONE:
            raise CommandError(f"the run failed: {run.problem}", returncode=1)


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError(option, f"{text!r} is no day.", "Write 2026-11-23.") from None


def _report(organization: Organization, run: Run) -> dict[str, Any]:
    rows = Comparison.objects.filter(run_id=run.pk).order_by("day", "model")
    standing = BillException.objects.filter(account_id=run.account_id, state__in=("open", "proposed"))
    standing = standing.filter(day__gte=run.since, day__lt=run.until).order_by("day", "model", "cause")
    return {
        "organization": organization.slug,
        "account": run.account,
        "run": str(run.pk),
        "state": run.state,
        "problem": run.problem,
        "since": str(run.since),
        "until": str(run.until),
        "currency": organization.currency,
        "counts": run.counts,
        "days": [_compared(row) for row in rows],
        "exceptions": [_exception(row) for row in standing],
    }


def _compared(row: Comparison) -> dict[str, Any]:
    return {
        "day": str(row.day),
        "model": row.model,
        "final": row.final,
        "ours_tokens": row.ours_tokens,
        "theirs_tokens": row.theirs_tokens,
        "ours": money.amount(row.ours_nano),
        "theirs": money.amount(row.theirs_nano),
        "parts": row.parts,
    }


def _exception(row: BillException) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "day": str(row.day),
        "model": row.model,
        "cause": row.cause,
        "amount": money.amount(row.money_nano),
        "state": row.state,
    }


def _words(report: dict[str, Any]) -> str:
    lines = [
        f"{report['organization']}/{report['account']}: {report['since']} to {report['until']}, {report['state']}"
    ]
    head = [
        "day",
        "model",
        "tokens here",
        "tokens there",
        f"{report['currency']} here",
        f"{report['currency']} there",
        "causes",
    ]
    body = [
        [
            row["day"] + ("" if row["final"] else "*"),
            row["model"] or "-",
            f"{row['ours_tokens']:,}",
            f"{row['theirs_tokens']:,}",
            row["ours"],
            row["theirs"],
            ", ".join(part["cause"] for part in row["parts"]) or "-",
        ]
        for row in report["days"]
    ]
    widths = [max(len(row[at]) for row in [head, *body]) for at in range(len(head))]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *body]
    ]
    lines.append(f"{len(report['exceptions'])} open exceptions. * not final yet")
    return "\n".join(lines)
