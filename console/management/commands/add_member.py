from __future__ import annotations

import argparse
from typing import Any

from orbit.lib.errors import InputError
from tenants.export import organization_id
from tenants.management.cli import OperatorCommand
from tenants.models import Person
from tenants.services import add_member


class Command(OperatorCommand):
    help = "Makes a person who has signed up a member of an organization, or gives a member another role."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", metavar="SLUG")
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument(
            "--role", default="developer", metavar="ROLE", help="built in or the organization's own"
        )

    def handle(self, *, organization: str, email: str, role: str, **_: Any) -> None:
        place = organization_id(organization)
        person = Person.objects.filter(email=email.lower()).first()
        if person is None:
            raise InputError("EMAIL", f"nobody has signed up as {email}")
        saved = add_member(organization_id=place, person=person, role=role, actor="manage.py add_member")
        word = "now" if saved.created or saved.fields else "already"
        self.stdout.write(f"{person.email} is {word} {role} of {organization}.")
