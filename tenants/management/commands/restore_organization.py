from __future__ import annotations

import argparse
from typing import Any

from orbit.lib.errors import InputError
from tenants.export import organization_ids
from tenants.management.cli import OperatorCommand
from tenants.services import restore_organization


class Command(OperatorCommand):
    help = "Undoes delete_organization before the purge."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", metavar="SLUG")

    def handle(self, *, organization: str, **_: Any) -> None:
        organization_id = organization_ids([organization]).get(organization)
        if organization_id is None:
            raise InputError("SLUG", f"there is no organization {organization!r}")
        restore_organization(organization_id=organization_id, actor="manage.py restore_organization")
        self.stdout.write(f"{organization} is not deleted.")
