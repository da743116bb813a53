from __future__ import annotations

import argparse
from typing import Any

from orbit.lib.errors import InputError
from tenants.export import organization_ids
from tenants.management.cli import OperatorCommand
from tenants.services import delete_organization


class Command(OperatorCommand):
    help = "Refuses an organization's calls at once, and purges it when its time to be restored is over."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", metavar="SLUG")

    def handle(self, *, organization: str, **_: Any) -> None:
        organization_id = organization_ids([organization]).get(organization)
        if organization_id is None:
            raise InputError("SLUG", f"there is no organization {organization!r}")
        row = delete_organization(organization_id=organization_id, actor="manage.py delete_organization")
        self.stdout.write(
            f"{organization} is deleted. Until {row.purge_at:%Y-%m-%d %H:%M} UTC, restore_organization undoes it."
        )
