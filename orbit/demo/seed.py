"""The demo organization, as an operator would apply it, and somebody who owns it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from orbit.lib import access
from tenants.apply import apply
from tenants.models import ApiKey, Membership, Organization
from tenants.people import ensure_person
from tenants.services import NewCredential, add_member, issue_key, revoke_key, save_account

ORGANIZATION = "demo"
EMAIL = "demo@orbit.localhost"
MODEL = "gpt-4o-mini"
_PROJECT, _KEY = "chatbot", "production"
_OPENAI, _CLAUDE = "demo-provider", "demo-claude"  # accounts, both at the demo provider
_MODELS = {
    **dict.fromkeys((MODEL, "gpt-4o", "gpt-5", "text-embedding-3-small"), _OPENAI),
    **dict.fromkeys(("claude-haiku-4-5", "claude-sonnet-4-6"), _CLAUDE),
}
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
                        "name": name,
                        "kind": kind,
                        "base_url": provider_url,
                        "prices_as": kind,
                        "credential": {"value": _CREDENTIAL},
                    }
                    for name, kind in ((_OPENAI, "openai"), (_CLAUDE, "anthropic"))
                ],
                "models": [
                    *(
                        {"alias": model, "targets": [{"account": account, "model": model}]}
                        for model, account in _MODELS.items()
                    ),
                    {
                        "alias": "assistant",
                        "targets": [{"account": _OPENAI, "model": MODEL}],
                        "fallbacks": ["claude-haiku-4-5"],
                    },
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
    wanted = document(provider_url)
    with access.operator():
        existing = Organization.objects.filter(slug=ORGANIZATION).first()
    if existing is None:
        outcome = apply(wanted, actor=_ACTOR)
        key = {one.project: one.secret for one in outcome.keys}.get(_PROJECT)
    else:
        key = _mended(existing, wanted["organizations"][0]["provider_accounts"])
    password = secrets.token_urlsafe(12)
    person, created = ensure_person(email=EMAIL, password=password, name="Demo", operator=True)
    if renew and not created:
        person.set_password(password)
        person.save(update_fields=["password"])
    with access.operator():
        organization_id = Organization.objects.get(slug=ORGANIZATION).id
    add_member(organization_id=organization_id, person=person, role=Membership.Role.OWNER, actor=_ACTOR)
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
            credential=NewCredential(value=_CREDENTIAL),
            actor=_ACTOR,
        )
    with access.scope(organization_id=organization.id):
        if ApiKey.objects.filter(project__slug=_PROJECT, name=_KEY, revoked_at=None).exists():
            return None
    issued = issue_key(organization_id=organization.id, project=_PROJECT, name=_KEY, actor=_ACTOR)
    return issued[1]


def _revoke() -> None:
    with access.operator():
        organization = Organization.objects.filter(slug=ORGANIZATION).first()
    if organization is None:
        return
    with access.scope(organization_id=organization.id):
        lost = list(ApiKey.objects.filter(project__slug=_PROJECT, name=_KEY, revoked_at=None))
    for key in lost:
        revoke_key(organization_id=organization.id, key_id=key.id, actor=_ACTOR)
