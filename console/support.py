"""What an operator sees first of an organization or of a person. Read as the operator, a few rows each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from console import dashboard
from tenants.models import ApiKey, Membership, Organization, Person, Project, ProviderAccount

LATEST = 8
MOST = 10_000  # rows that are counted


@dataclass(frozen=True, slots=True)
class Count:
    label: str
    figure: str
    address: str


@dataclass(frozen=True, slots=True)
class OrganizationGlance:
    state: str
    counts: list[Count]
    today: dashboard.Day
    calls: list[Event]
    acts: list[Event]


@dataclass(frozen=True, slots=True)
class PersonGlance:
    state: str
    memberships: list[Membership]
    keys: list[ApiKey]
    more_keys: bool
    emails: list[EmailAddress]
    factors: list[Authenticator]


def organization_glance(organization: Organization) -> OrganizationGlance:
    events = Event.objects.filter(organization_id=organization.pk).order_by("-admitted_at")
    return OrganizationGlance(
        state_of(organization),
        list(_counts(organization)),
        dashboard.day(organization, timezone.now()),
        dashboard.latest_calls(organization.pk)[:LATEST],
        list(events.filter(kind=Event.Kind.ACT)[:LATEST]),
    )


def state_of(organization: Organization) -> str:
    if organization.purged_at:
        return "purged"
    if organization.deleted_at:
        return f"deleted, purged on {organization.purge_at:%Y-%m-%d}"
    if organization.suspended_at:
        return f"suspended since {organization.suspended_at:%Y-%m-%d %H:%M} UTC: {organization.suspended_for}"
    return "open"


def _counts(organization: Organization) -> Iterator[Count]:
    """Each with the list that it counts."""
    mine = {"organization_id": organization.pk}
    keys = ApiKey.objects.filter(**mine)
    for label, rows, narrowed in (
        ("Members", Membership.objects.filter(**mine), ""),
        ("Projects", Project.objects.filter(**mine, archived_at=None), ""),
        ("Keys that are not revoked", keys.filter(revoked_at=None), "&revoked_at__isempty=1"),
        ("Suspended keys", keys.filter(suspended_at__isnull=False), "&suspended_at__isempty=0"),
        ("Provider accounts", ProviderAccount.objects.filter(**mine), ""),
    ):
        listed = reverse(f"admin:tenants_{rows.model._meta.model_name}_changelist")  # noqa: SLF001
        yield Count(label, counted(rows), f"{listed}?q={organization.pk}{narrowed}")


def counted(rows: QuerySet[Any]) -> str:
    found = rows[: MOST + 1].count()
    return f"{found:,}" if found <= MOST else f"more than {MOST:,}"


def person_glance(person: Person) -> PersonGlance:
    memberships = Membership.objects.filter(person=person).select_related("organization", "custom_role")
    keys = ApiKey.objects.filter(person=person).defer("digest")
    some = list(keys.select_related("organization", "project", "use").order_by("-pk")[: LATEST + 1])
    return PersonGlance(
        _state_of_person(person),
        list(memberships.order_by("organization__slug")),
        some[:LATEST],
        len(some) > LATEST,
        list(EmailAddress.objects.filter(user=person)),
        list(Authenticator.objects.filter(user=person).defer("data")),
    )


def _state_of_person(person: Person) -> str:
    if not person.is_active:
        return "may not sign in"
    return "waits for approval" if person.approved_at is None else "may sign in"
