"""Whom the demo's owner works with: a member of each role, what one of them asks for, a key that was held."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction

from orbit.demo.organization import ACTOR, BUDGET, RESEARCH
from orbit.lib import access, money
from tenants import services
from tenants.models import ApiKey, Membership, Organization, Person, PolicyRequest

logger = logging.getLogger("orbit.demo")

COLLEAGUES = (
    ("grace@orbit.localhost", "Grace", "admin"),
    ("ada@orbit.localhost", "Ada", "developer"),
    ("fin@orbit.localhost", "Fin", "finance"),
    ("iris@orbit.localhost", "Iris", "auditor"),
)
HELD_FOR = "seen in a public notebook"
ADMIN, DEVELOPER = COLLEAGUES[0][0], COLLEAGUES[1][0]


def join(organization: Organization, owner: Person) -> None:
    """They sign in with the password that the owner has now. Who is there already is left as they are."""
    for email, name, role in COLLEAGUES:
        with transaction.atomic(using="default"):
            if Person.objects.filter(email=email).exists():
                continue
            person = Person.objects.create_user(email, None, name=name)
            person.password = owner.password
            person.save(update_fields=["password"])
            EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)
        services.add_member(organization_id=organization.pk, person=person, role=role, actor=ACTOR)


def hold_key(organization: Organization) -> None:
    """One key was seen where it should not be."""
    with access.scope(organization_id=organization.pk):
        key = ApiKey.objects.filter(project__slug=RESEARCH, name="evaluation", revoked_at=None).first()
    if key is not None:
        services.suspend_key(organization_id=organization.pk, key_id=key.pk, reason=HELD_FOR, actor=ACTOR)


def own_key(organization: Organization) -> None:
    """The developer has one of their own."""
    with access.scope(organization_id=organization.pk):
        if ApiKey.objects.filter(project__slug=RESEARCH, name="ada").exists():
            return
    services.issue_key(
        organization_id=organization.pk, project=RESEARCH, name="ada", owner=DEVELOPER, actor=ADMIN
    )


def ask_for_more(organization: Organization, budget_nano: int) -> None:
    """The developer sees the budget end before the month does."""
    with access.scope(organization_id=organization.pk):
        if PolicyRequest.objects.filter(policy__name=RESEARCH).exists():
            return
        member = Membership.objects.select_related("person", "custom_role").get(person__email=DEVELOPER)
    services.request_more(
        organization_id=organization.pk,
        policy=RESEARCH,
        limit=BUDGET,
        amount=money.amount(budget_nano * 3 // 2),
        until=datetime.now(UTC) + timedelta(days=14),
        reason="the comparison of the new models runs to the end of the month",
        actor=member,
    )
