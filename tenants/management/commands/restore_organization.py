from __future__ import annotations

import argparse
from typing import Any

from tenants.export import organization_id
from tenants.management.cli import OperatorCommand
from tenants.services import restore_organization


class Command(OperatorCommand):
    help = "Undoes delete_organization before the purge."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", metavar="SLUG")

    def handle(self, *, organization: str, **_: Any) -> None:
        restore_organization(
            organization_id=organization_id(organization), actor="manage.py restore_organization"
        )
        self.stdout.write(f"{organization} is not deleted.")
