"""`manage.py rollups rebuild`: makes the sums again that a failed projection left behind."""

from __future__ import annotations

import argparse
from typing import Any

from quotas import rollups
from tenants.management.cli import OperatorCommand


class Command(OperatorCommand):
    help = "Rebuild quarters of an hour whose sums are behind the ledger."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_subparsers(dest="action", required=True).add_parser("rebuild")

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{rollups.rebuild()} quarters of an hour rebuilt.")
