from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import CommandError

from console.members import NotSent, invite_by_mail
from tenants.export import organization_id
from tenants.management.cli import UNREACHABLE, OperatorCommand


class Command(OperatorCommand):
    help = "Invites somebody to an organization by mail, whether they have an account or not."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", metavar="SLUG")
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument(
            "--role", default="developer", metavar="ROLE", help="built in or the organization's own"
        )

    def handle(self, *, organization: str, email: str, role: str, **_: Any) -> None:
        try:
            invitation = invite_by_mail(
                organization_id=organization_id(organization),
                email=email,
                role=role,
                actor="manage.py invite",
            )
        except NotSent as error:
            raise CommandError(
                f"The mail could not be sent ({error}); nobody was invited.", returncode=UNREACHABLE
            ) from None
        self.stdout.write(f"Invited {invitation.email} to {organization} as {role}.")
