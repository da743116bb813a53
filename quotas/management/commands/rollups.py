"""`manage.py rollups rebuild`: makes the sums again that a failed projection left behind, or all of them."""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from orbit.lib import access
from orbit.lib.errors import InputError
from quotas import rebuild
from tenants.management.cli import OperatorCommand
from tenants.models import Organization


class Command(OperatorCommand):
    help = "Rebuild quarters of an hour whose sums are behind the ledger, or all sums."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        again = actions.add_parser("rebuild")
        again.add_argument(
            "--all", action="store_true", help="every day that the ledger has, not only what is behind"
        )
        again.add_argument("--organization", metavar="SLUG", help="every day of one organization")

    def handle(self, **options: Any) -> None:
        if options["all"] or options["organization"]:
            days = rebuild.rebuild_all(_organization(options["organization"]))
            self.stdout.write(f"{days} days rebuilt.")
        else:
            self.stdout.write(f"{rebuild.rebuild()} quarters of an hour rebuilt.")


def _organization(slug: str | None) -> UUID | None:
    if slug is None:
        return None
    with access.operator():
        found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise InputError("--organization", f"there is no organization {slug!r}.")
    return found.pk
