from __future__ import annotations

import argparse
from typing import Any

from tenants.export import organization_id
from tenants.management.cli import OperatorCommand
from tenants.services import delete_organization


class Command(OperatorCommand):
    help = "Refuses an organization's calls at once, and purges it when its time to be restored is over."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", metavar="SLUG")

    def handle(self, *, organization: str, **_: Any) -> None:
        row = delete_organization(
            organization_id=organization_id(organization), actor="manage.py delete_organization"
        )
        self.stdout.write(
            f"{organization} is deleted. Until {row.purge_at:%Y-%m-%d %H:%M} UTC, restore_organization undoes it."
        )
