from __future__ import annotations

import argparse
from typing import Any

from orbit.lib.errors import InputError
from tenants.management.cli import OperatorCommand
from tenants.models import Person
from tenants.people import approve, waiting


class Command(OperatorCommand):
    help = "Lets in who has signed up and waits (ORBIT_SIGN_UP=approval); lists them when nobody is named."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("emails", nargs="*", metavar="EMAIL")

    def handle(self, *, emails: list[str], **_: Any) -> None:
        for email in emails:
            person = Person.objects.filter(email=email.lower()).first()
            if person is None:
                raise InputError("EMAIL", f"nobody has signed up as {email}")
            done = approve(person, actor="manage.py approve")
            self.stdout.write(f"{person.email} is {'now' if done else 'already'} approved.")
        if not emails:
            for person in waiting():
                self.stdout.write(f"{person.email}  since {person.date_joined:%Y-%m-%d %H:%M} UTC")
