"""People made from the command line, and operators' word on who has signed up on the pages."""

from __future__ import annotations

import logging
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Membership, Person

logger = logging.getLogger("orbit.people")


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
    """Lets somebody in from their next request on. False when that was done before.

    They belong to no organization yet, in whose ledger it could stand: the row and the log keep who approved.
    """
    changed = Person.objects.filter(pk=person.pk, approved_at=None).update(
        approved_at=timezone.now(), approved_by=actor[:254]
    )
    if changed:
        logger.info("approved person=%s by=%s", person.pk, actor)
    return bool(changed)


def end_sessions(person: Person) -> None:
    """In all browsers, from their next request on."""
    with access.scope():
        people = Person.objects.filter(pk=person.pk)
        people.update(session_generation=models.F("session_generation") + 1)
        for session in UserSession.objects.filter(user=person):
            session.end()


def deactivate(person: Person, *, actor: str) -> bool:
    """Ends their sessions, own keys and invitations at once, in all organizations. False when that was done before."""
    with access.scope():
        if not Person.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
            return False
        end_sessions(person)
        for organization_id in _organizations(person):
            services.deactivate_member(organization_id=organization_id, person=person, actor=actor)
    logger.info("deactivated person=%s by=%s", person.pk, actor)
    return True


def activate(person: Person, *, actor: str) -> bool:
    """Lets them sign in again. Keys and invitations that ended stay so."""
    with access.scope():
        if not Person.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
            return False
        for organization_id in _organizations(person):
            services.activate_member(organization_id=organization_id, person=person, actor=actor)
    logger.info("activated person=%s by=%s", person.pk, actor)
    return True


def _organizations(person: Person) -> list[UUID]:
    """By slug, the order in which whoever changes several locks them."""
    with access.operator():
        memberships = Membership.objects.filter(person=person, organization__purged_at=None)
        return list(memberships.order_by("organization__slug").values_list("organization_id", flat=True))


def _check_password(password: str) -> None:
    try:
        validate_password(password)
    except ValidationError as error:
        raise InputError("ORBIT_ADMIN_PASSWORD", " ".join(error.messages).rstrip(".").lower()) from None
