"""Tenants whose policies look for personal data, and what of their calls reached the provider."""

from __future__ import annotations

from typing import Any

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant, Tenant
from tests.proxy.roads import travelling

MAIL, CARD, PHONE = "anna.smith@example.org", "4111 1111 1111 1111", "+49 30 901820"


def rule(action: str, *types: str, **more: Any) -> dict[str, Any]:
    return {"types": list(types or ("*",)), "action": action, **more}


def looking(make_tenant: MakeTenant, provider: ProviderHandle, *rules: dict[str, Any], **more: Any) -> Tenant:
    """`more` goes beside the rules; `audit` and `limits` are the policy's own."""
    policy = {name: more.pop(name) for name in ("audit", "limits") if name in more}
    return travelling(make_tenant, provider, dlp={"rules": list(rules), **more}, **policy)


def found(tenant: Tenant) -> list[tuple[str, ...]]:
    """Type, direction, place, action and count of each finding in the tenant's only event."""
    (event,) = tenant.events()
    return [
        (one["type"], one["direction"], one["place"], one["action"], str(one["count"]))
        for one in event.get("dlp", {}).get("findings", [])
    ]
