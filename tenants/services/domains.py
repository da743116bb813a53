"""Mail domains of an organization, each shown to be its own by a record in the domain name system."""

from __future__ import annotations

import re
import secrets
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from orbit.lib.errors import InputError
from tenants.models import Domain, ProviderSession
from tenants.name_records import LABEL, NotAnswered, text_records
from tenants.rights import Right
from tenants.services.saved import Actor, Saved, changing

MOST = 100  # of one organization
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")


def add_domain(*, organization_id: UUID, name: str, actor: Actor) -> Saved[Domain]:
    """It counts for nothing until it is verified."""
    with changing(organization_id, actor, Right.SIGN_IN_WRITE) as change:
        name = _checked(name)
        known = Domain.objects.filter(name=name).first()
        if known is not None:
            return Saved(known, created=False)
        if Domain.objects.count() >= MOST:
            raise InputError("domain", f"{MOST} are the most")
        domain = Domain.objects.create(
            organization_id=organization_id, name=name, token=secrets.token_hex(20)
        )
        change.act("domain.add", name)
    return Saved(domain, created=True)


def record_of(domain: Domain) -> tuple[str, str]:
    """Name and value of the TXT record to place."""
    return f"{LABEL}.{domain.name}", f"orbit-verification={domain.token}"


def verify_domain(*, organization_id: UUID, domain_id: UUID, actor: Actor) -> Domain:
    """Asks the name servers. InputError says what they answered instead."""
    with changing(organization_id, actor, Right.SIGN_IN_WRITE):
        domain = _found(domain_id)
    if domain.verified_at is not None:
        return domain
    name, value = record_of(domain)
    try:
        answered = text_records(domain.name)
    except NotAnswered as error:
        raise InputError("domain", f"no name server answered ({error})", "try again in a moment") from None
    if value not in answered:
        what = f"{len(answered)} other TXT records" if answered else "no TXT record"
        raise InputError("domain", f"there is {what} at {name}", "a new record may take an hour to be seen")
    with changing(organization_id, actor, Right.SIGN_IN_WRITE) as change:
        domain = _found(domain_id)
        domain.verified_at = timezone.now()
        try:
            with transaction.atomic(using="default"):
                domain.save(update_fields=["verified_at"])
        except IntegrityError:
            raise InputError(
                "domain", "another organization has verified it", "ask the operator of this installation"
            ) from None
        change.act("domain.verify", domain.name)
    return domain


def remove_domain(*, organization_id: UUID, domain_id: UUID, actor: Actor) -> None:
    """Whoever came in by the provider has to come again."""
    with changing(organization_id, actor, Right.SIGN_IN_WRITE) as change:
        domain = _found(domain_id)
        domain.delete()
        if domain.verified_at is not None:
            ProviderSession.objects.all().delete()
        change.act("domain.remove", domain.name, {"verified": domain.verified_at is not None})


def _found(domain_id: UUID) -> Domain:
    domain = Domain.objects.filter(pk=domain_id).first()
    if domain is None:
        raise InputError("domain", "there is no such domain")
    return domain


def _checked(name: str) -> str:
    """In the form in which addresses are compared with it."""
    text = name.strip().lower().removeprefix("@").rstrip(".")
    try:
        text = text.encode("idna").decode() if not text.isascii() else text
    except UnicodeError:
        text = ""
    if len(text) > 253 - len(LABEL) - 1 or not _NAME.fullmatch(text):
        raise InputError("domain", "is no domain name", "such as example.com")
    return text
