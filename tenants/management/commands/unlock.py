from __future__ import annotations

import argparse
from typing import Any

from orbit.lib.errors import InputError
from tenants import lockout
from tenants.management.cli import OperatorCommand
from tenants.models import Person


class Command(OperatorCommand):
    help = "Lets a person try to sign in again at once, after too many failed tries."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, *, email: str, **_: Any) -> None:
        person = Person.objects.filter(email=email.lower()).first()
        if person is None:
            raise InputError("EMAIL", f"nobody has signed up as {email}")
        lockout.lift(person)
        self.stdout.write(f"{person.email} may try again.")
