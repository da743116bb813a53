"""Organizations and their settings."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from orbit.lib import access
from orbit.lib.errors import InputError
from orbit.lib.ids import uuid7
from tenants.models import Installation, Membership, Organization, Person
from tenants.rights import Right
from tenants.schema import values
from tenants.services import ceilings
from tenants.services.members import put_member
from tenants.services.policies import find_policy
from tenants.services.saved import Actor, Change, Saved, changing, differences, valid

_CALENDAR_RANGES = {"month_starts_on": 28, "year_starts_in": 12}
_CALENDAR = {"time_zone", "currency", "week_starts", *_CALENDAR_RANGES}


class Settings(TypedDict, total=False):
    name: str
    time_zone: str
    currency: str
    week_starts: str
    month_starts_on: int
    year_starts_in: int
    requires_mfa: bool


class OrganizationFields(Settings, total=False):
    policy: str | None  # by name


def shard_of(organization_id: UUID) -> int:
    """Stable for an organization as long as the installation keeps its number of shards."""
    shards = Installation.objects.get().shards
    return int.from_bytes(sha256(organization_id.bytes).digest()[:2], "big") % shards


def create_organization(
    *, slug: str, actor: str, founded_by: Person | None = None, **fields: Unpack[Settings]
) -> Organization:
    """Named like its slug unless a name is given. InputError names the field that is wrong."""
    valid("slug", values.slug, slug)
    wanted = _checked({"name": slug, **fields})
    ceiling = ceilings.of_new(slug)
    organization_id = uuid7()
    with access.scope(organization_id=organization_id):
        organization = Organization(
            id=organization_id,
            slug=slug,
            shard=shard_of(organization_id),
            founded_by=founded_by,
            ceiling=ceiling,
            ceiling_revision=1 if ceiling is not None else 0,
            **wanted,
        )
        try:
            with transaction.atomic(using="default"):
                organization.save(force_insert=True)
        except IntegrityError:
            raise InputError("slug", f"{slug!r} is taken") from None
        change = Change(organization, actor)
        change.act("organization.create", slug, None, {"slug": slug, **wanted})
        change.tell()
    return organization


def may_found(person: Person) -> bool:
    """Whether they have founded fewer than one person may."""
    return _founded(person) < settings.ORBIT_ORGANIZATIONS_PER_PERSON


def _founded(person: Person) -> int:
    with access.operator():
        return Organization.objects.filter(founded_by=person).count()


def found_organization(*, slug: str, name: str, person: Person) -> Organization:
    """By somebody who signed up, and owns it then. InputError when they have founded as many as one may."""
    with transaction.atomic(using="default"):
        # One after the other, so that the count below is of what was committed.
        Person.objects.select_for_update().get(pk=person.pk)
        founded = _founded(person)
        most = settings.ORBIT_ORGANIZATIONS_PER_PERSON
        if founded >= most:
            raise InputError("organization", f"you have founded {founded}, and {most} is the most here")
        organization = create_organization(slug=slug, name=name, actor=person.email, founded_by=person)
        with changing(organization.pk, person.email) as change:
            put_member(change, person, Membership.Role.OWNER)
    return organization


def update_organization(
    *, organization_id: UUID, actor: Actor, **fields: Unpack[OrganizationFields]
) -> Saved[Organization]:
    """Sets the fields that are given."""
    wanted = _checked(dict(fields))
    with changing(organization_id, actor, Right.ORGANIZATION_WRITE) as change:
        organization = change.organization
        if "policy" in wanted:
            wanted["policy"] = find_policy(wanted["policy"])
        new = differences(organization, wanted)
        if new:
            if "policy" in new:
                change.require(Right.POLICIES_ATTACH)
            if _CALENDAR & new.keys():
                change.keep_ceiling()
            before = {field: getattr(organization, field) for field in new}
            for field, value in new.items():
                setattr(organization, field, value)
            organization.save(update_fields=list(new))
            change.act("organization.update", organization.slug, before, new)
            change.raise_version()
    return Saved(organization, created=False, fields=tuple(new))


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    checks = {"name": values.title, "time_zone": values.time_zone, "currency": values.currency}
    for field, check in checks.items():
        if field in fields:
            valid(field, check, fields[field])
    if "week_starts" in fields:
        valid(
            "week_starts",
            lambda text: values.one_of(text, Organization.WeekStart.values),
            fields["week_starts"],
        )
    for field, most in _CALENDAR_RANGES.items():
        if field in fields and not 1 <= fields[field] <= most:
            raise InputError(field, f"must be from 1 to {most}")
    return fields
