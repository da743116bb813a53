"""The demo organization, as an operator would apply it, and somebody who owns it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from orbit.lib import access
from tenants.apply import apply
from tenants.models import ApiKey, Membership, Organization
from tenants.people import ensure_person
from tenants.services import add_member, revoke_key

ORGANIZATION = "demo"
EMAIL = "demo@orbit.localhost"
MODEL = "gpt-4o-mini"
_PROJECT, _KEY = "chatbot", "production"
_MODELS = (MODEL, "gpt-4o", "text-embedding-3-small")
_ACTOR = "manage.py seed_demo"
# The demo provider takes any key.
_CREDENTIAL = "sk-demo-orbit-gateway"


@dataclass(frozen=True, slots=True)
class Seeded:
    """Password and key only when they are new."""

    organization: str
    email: str
    password: str | None
    key: str | None
    model: str


def document(provider_url: str) -> dict[str, Any]:
    return {
        "version": 1,
        "organizations": [
            {
                "slug": ORGANIZATION,
                "name": "Demo organization",
                "provider_accounts": [
                    {
                        "name": "demo-provider",
                        "kind": "openai_compatible",
                        "base_url": provider_url,
                        "prices_as": "openai",
                        "credential": {"value": _CREDENTIAL},
                    }
                ],
                "models": [
                    {"alias": model, "targets": [{"account": "demo-provider", "model": model}]}
                    for model in _MODELS
                ],
                "policies": [
                    {
                        "name": "standard",
                        "limits": [
                            {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600},
                            {"name": "daily-requests", "meter": "requests", "per": "day", "limit": 10_000},
                            {"name": "daily-tokens", "meter": "tokens", "per": "day", "limit": 5_000_000},
                            {"name": "budget", "meter": "cost", "per": "month", "limit": "50.00"},
                            {"name": "inflight", "meter": "concurrency", "limit": 20},
                        ],
                    }
                ],
                "policy": "standard",
                "projects": [
                    {"slug": _PROJECT, "name": "Chatbot", "keys": [{"name": _KEY}]},
                    {"slug": "search", "name": "Search", "keys": [{"name": _KEY}]},
                ],
            }
        ],
    }


def seed(*, provider_url: str, renew: bool = False) -> Seeded:
    """Safe to run again. `renew` replaces the key and the password, should they be lost."""
    if renew:
        _revoke()
    outcome = apply(document(provider_url), actor=_ACTOR)
    keys = {key.project: key.secret for key in outcome.keys}
    password = secrets.token_urlsafe(12)
    person, created = ensure_person(email=EMAIL, password=password, name="Demo", operator=True)
    if renew and not created:
        person.set_password(password)
        person.save(update_fields=["password"])
    with access.operator():
        organization_id = Organization.objects.get(slug=ORGANIZATION).id
    add_member(organization_id=organization_id, person=person, role=Membership.Role.OWNER, actor=_ACTOR)
    return Seeded(ORGANIZATION, EMAIL, password if created or renew else None, keys.get(_PROJECT), MODEL)


def _revoke() -> None:
    with access.operator():
        organization = Organization.objects.filter(slug=ORGANIZATION).first()
    if organization is None:
        return
    with access.scope(organization_id=organization.id):
        lost = list(ApiKey.objects.filter(project__slug=_PROJECT, name=_KEY, revoked_at=None))
    for key in lost:
        revoke_key(organization_id=organization.id, key_id=key.id, actor=_ACTOR)
