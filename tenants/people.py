"""People made from the command line; everybody else signs up on the pages."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from orbit.lib.errors import InputError
from tenants.models import Person


def ensure_person(
    *, email: str, password: str, name: str = "", operator: bool = False
) -> tuple[Person, bool]:
    """The person with this address, made with a verified address when there is none. An old password stays.

    `operator` gives all rights over the installation, also to a person who was there before.
    """
    with transaction.atomic(using="default"):
        person = Person.objects.select_for_update().filter(email=email.lower()).first()
        created = person is None
        if person is None:
            _check_password(password)
            person = Person.objects.create_user(email, password, name=name)
        if operator and not (person.is_staff and person.is_superuser):
            person.is_staff = person.is_superuser = True
            person.save(update_fields=["is_staff", "is_superuser"])
        address, _ = EmailAddress.objects.get_or_create(
            user=person, email=person.email, defaults={"primary": True}
        )
        if not address.verified:
            address.verified = True
            address.save(update_fields=["verified"])
    return person, created


def _check_password(password: str) -> None:
    try:
        validate_password(password)
    except ValidationError as error:
        raise InputError("ORBIT_ADMIN_PASSWORD", " ".join(error.messages).rstrip(".").lower()) from None
