"""`manage.py rates`: rates of exchange for reports, from a file."""

from __future__ import annotations

import argparse
import json
from typing import Any

from billing.exchange import rates
from billing.exchange.models import ExchangeRate
from orbit.lib import access
from tenants.management.cli import OperatorCommand


class Command(OperatorCommand):
    help = "Dated rates of exchange, for reports in ORBIT_REPORTING_CURRENCY (docs/reports.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        taken = actions.add_parser("import", help="take in a CSV file: day,base,quote,rate")
        taken.add_argument("file", metavar="FILE")
        taken.add_argument("--source", required=True, help="where the rates are from")
        taken.add_argument(
            "--backfill", action="store_true", help="also days before the newest of their pair"
        )
        listed = actions.add_parser("list", help="the newest rate of each pair")
        for made in (taken, listed):
            made.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "import":
            new = rates.take_in(options["file"], options["source"], backfill=options["backfill"])
            self.stdout.write(json.dumps({"new": new}) if options["json"] else f"{new} new rates.")
            return
        with access.operator():
            newest = ExchangeRate.objects.order_by("base", "quote", "-day").distinct("base", "quote")
            found = [
                {
                    "base": one.base,
                    "quote": one.quote,
                    "day": one.day.isoformat(),
                    "rate": f"{one.rate.normalize():f}",
                    "source": one.source,
                }
                for one in newest
            ]
        lines = [
            f"{one['base']}/{one['quote']}  {one['day']}  {one['rate']}  {one['source']}" for one in found
        ]
        self.stdout.write(
            json.dumps({"rates": found}) if options["json"] else "\n".join(lines or ["None yet."])
        )
