"""An organization for one trial."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.models import Event
from orbit.lib import access, money
from tenants.apply import apply
from tenants.models import ApiKey, Organization

MODELS = ("gpt-4o-mini", "demo-chat")


@dataclass(frozen=True)
class Tenant:
    id: UUID
    shard: int
    key: str
    objects: frozenset[str]  # ids of what may carry a limit: the organization, its project, its key
    limits: dict[tuple[str, str | None], int]  # by meter and window, those of the organization
    tag: str  # what the names of its calls begin with

    def events(self) -> list[Event]:
        """Its calls and corrections in the ledger."""
        with access.operator():
            found = Event.objects.filter(organization_id=self.id, kind__in=["call", "correction"])
            return list(found.order_by("seq"))


def make_tenant(
    provider_url: str,
    limits: list[dict[str, Any]],
    key_limits: list[dict[str, Any]] | None = None,
    accounts: list[dict[str, Any]] | None = None,
    models: list[dict[str, Any]] | None = None,
    **policy: Any,
) -> Tenant:
    """With the limits on the organization and on its one key; `policy` is the rest of the organization's policy."""
    slug = f"f-{secrets.token_hex(6)}"
    account = {
        "name": "demo",
        "kind": "openai_compatible",
        "base_url": provider_url,
        "prices_as": "openai",
        "credential": {"value": "sk-demo-faults"},
    }
    organization = {
        "slug": slug,
        "name": slug,
        "provider_accounts": accounts or [account],
        "models": models
        or [{"alias": one, "targets": [{"account": "demo", "model": one}]} for one in MODELS],
        "policies": [
            {"name": "all", "limits": limits, **policy},
            {"name": "key", "limits": key_limits or []},
        ],
        "policy": "all",
        "projects": [{"slug": "app", "name": "App", "keys": [{"name": "main", "policy": "key"}]}],
    }
    outcome = apply({"version": 1, "organizations": [organization]}, actor="faults")
    with access.operator():
        row = Organization.objects.get(slug=slug)
        key = ApiKey.objects.get(organization_id=row.pk)
    return Tenant(
        row.pk,
        row.shard,
        outcome.keys[0].secret,
        frozenset(map(str, (row.pk, key.project_id, key.pk))),
        {(one["meter"], one.get("per")): _units(one) for one in limits},
        slug,
    )


def _units(limit: dict[str, Any]) -> int:
    return money.nano(limit["limit"]) if limit["meter"] == "cost" else int(limit["limit"])
