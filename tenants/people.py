"""People made from the command line, and operators' word on who has signed up on the pages."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

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


def waiting() -> QuerySet[Person]:
    """Who has signed up, confirmed an address and waits for an operator's word."""
    people = Person.objects.filter(approved_at=None, is_active=True)
    return people.filter(emailaddress__verified=True).distinct().order_by("date_joined")


def approve(person: Person, *, actor: str) -> bool:
    """Lets somebody in from their next request on. False when that was done before."""
    changed = Person.objects.filter(pk=person.pk, approved_at=None).update(
        approved_at=timezone.now(), approved_by=actor[:254]
    )
    return bool(changed)


def _check_password(password: str) -> None:
    try:
        validate_password(password)
    except ValidationError as error:
        raise InputError("ORBIT_ADMIN_PASSWORD", " ".join(error.messages).rstrip(".").lower()) from None
