from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from orbit import env
from orbit.lib.errors import InputError
from tenants.management.cli import OperatorCommand
from tenants.models import Person
from tenants.people import ensure_person


class Command(OperatorCommand):
    help = (
        "Makes the first operator from ORBIT_ADMIN_EMAIL and ORBIT_ADMIN_PASSWORD; content when there is one."
    )

    def handle(self, **_: Any) -> None:
        email = env.text("ORBIT_ADMIN_EMAIL").lower()
        password = env.text("ORBIT_ADMIN_PASSWORD")
        if not email:
            if Person.objects.filter(is_superuser=True, is_active=True).exists():
                self.stdout.write("There is an operator already.")
                return
            raise InputError("ORBIT_ADMIN_EMAIL", "is not set.", "Set it and ORBIT_ADMIN_PASSWORD.")
        try:
            validate_email(email)
        except ValidationError:
            raise InputError("ORBIT_ADMIN_EMAIL", "is no e-mail address") from None
        person, created = ensure_person(email=email, password=password, operator=True)
        self.stdout.write(f"{person.email} is an operator{'' if created else ' already'}.")
