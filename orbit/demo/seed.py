"""The demo organization, as an operator would apply it, and somebody who owns it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orbit.demo.habits import DAYS
from orbit.demo.organization import (
    ACCOUNTS,
    ACTOR,
    CREDENTIAL,
    KEY,
    MODEL,
    ORGANIZATION,
    PROJECT,
    ROUTES,
    document,
)
from orbit.lib import access
from quotas import prices
from tenants.apply import apply
from tenants.models import ApiKey, Membership, Organization
from tenants.people import ensure_person
from tenants.services import NewCredential, add_member, issue_key, revoke_key, save_account

EMAIL = "demo@orbit.localhost"


@dataclass(frozen=True, slots=True)
class Seeded:
    """Password and key only when they are new."""

    organization: str
    email: str
    password: str | None
    key: str | None
    model: str


def seed(*, provider_url: str, renew: bool = False) -> Seeded:
    """Safe to run again. `renew` replaces the key and the password, should they be lost."""
    if renew:
        _revoke()
    wanted = document(provider_url)
    with access.operator():
        existing = Organization.objects.filter(slug=ORGANIZATION).first()
    if existing is None:
        _price_the_past()
        outcome = apply(wanted, actor=ACTOR)
        key = {one.project: one.secret for one in outcome.keys}.get(PROJECT)
    else:
        key = _mended(existing, wanted["organizations"][0]["provider_accounts"])
    password = secrets.token_urlsafe(12)
    person, created = ensure_person(email=EMAIL, password=password, name="Demo", operator=True)
    if renew and not created:
        person.set_password(password)
        person.save(update_fields=["password"])
    with access.operator():
        organization_id = Organization.objects.get(slug=ORGANIZATION).id
    add_member(organization_id=organization_id, person=person, role=Membership.Role.OWNER, actor=ACTOR)
    return Seeded(ORGANIZATION, EMAIL, password if created or renew else None, key, MODEL)


def _mended(organization: Organization, accounts: list[dict[str, Any]]) -> str | None:
    """What this start needs of an organization that its user may have changed: the provider's address and a key."""
    for account in accounts:
        save_account(
            organization_id=organization.id,
            name=account["name"],
            kind=account["kind"],
            base_url=account["base_url"],
            prices_as=account["prices_as"],
            credential=NewCredential(value=CREDENTIAL),
            actor=ACTOR,
        )
    with access.scope(organization_id=organization.id):
        if ApiKey.objects.filter(project__slug=PROJECT, name=KEY, revoked_at=None).exists():
            return None
    issued = issue_key(organization_id=organization.id, project=PROJECT, name=KEY, actor=ACTOR)
    return issued[1]


def _price_the_past() -> None:
    """The calls of its history need prices that were in force then."""
    kinds = dict(ACCOUNTS)
    pairs = {(kinds[account], model) for model, account in ROUTES.items()}
    prices.seed(pairs, since=datetime.now(UTC) - timedelta(days=DAYS + 2))


def _revoke() -> None:
    with access.operator():
        organization = Organization.objects.filter(slug=ORGANIZATION).first()
    if organization is None:
        return
    with access.scope(organization_id=organization.id):
        lost = list(ApiKey.objects.filter(project__slug=PROJECT, name=KEY, revoked_at=None))
    for key in lost:
        revoke_key(organization_id=organization.id, key_id=key.id, actor=ACTOR)
