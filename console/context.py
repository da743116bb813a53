"""What every template may ask for."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils.functional import SimpleLazyObject

from console import mail
from console.access import is_local_development
from console.requests import to_answer
from tenants.models import Membership
from tenants.rights import Right, may

# Pages of an organization, as one looks for them: by the name of their address, and the right that each takes.
GROUPS = {
    "Usage": (
        ("dashboard", "Dashboard", Right.USAGE_READ),
        ("my_usage", "My usage", Right.ORGANIZATION_READ),
        ("reports", "Reports", Right.USAGE_READ),
        ("budgets", "Budgets", Right.USAGE_READ),
        ("prices", "Prices", Right.USAGE_READ),
        ("calls", "Calls", Right.ORGANIZATION_READ),
        ("why", "Why refused?", Right.ORGANIZATION_READ),
        ("reconciliation", "Reconciliation", Right.RECONCILE_READ),
        ("audit", "Audit", Right.LEDGER_READ),
    ),
    "Applications": (
        ("projects", "Projects", Right.ORGANIZATION_READ),
        ("keys", "Keys", Right.KEYS_READ),
        ("playground", "Playground", Right.ORGANIZATION_READ),
    ),
    "Gateway": (
        ("models", "Models", Right.ORGANIZATION_READ),
        ("accounts", "Providers", Right.ORGANIZATION_READ),
        ("policies", "Policies", Right.ORGANIZATION_READ),
        ("findings", "Findings", Right.ORGANIZATION_READ),
        ("requests", "Requests", Right.ORGANIZATION_READ),
    ),
    "Organization": (
        ("members", "Members", Right.MEMBERS_READ),
        ("contents", "Contents", Right.CONTENTS_ERASE),
        ("api_access", "API access", Right.ORGANIZATION_READ),
        ("settings", "Settings", Right.ORGANIZATION_READ),
        ("start", "Set up", Right.ORGANIZATION_READ),
    ),
}
_PLACE = "o/<slug:slug>/"
# Where a page's address begins otherwise than its section is named.
_BELOW = {
    "providers": "accounts",
    "inspectors": "accounts",
    "sign-in": "members",
    "api-access": "api_access",
    "mine": "my_usage",
}


def console(request: HttpRequest) -> dict[str, Any]:
    member: Membership | None = getattr(request, "membership", None)
    return {
        "development_outbox": mail.is_outbox() and is_local_development(request),
        "requests_to_answer": SimpleLazyObject(lambda: to_answer(member) if member else 0),
        "open_groups": _groups(member) if member else [],
        "open_section": _section(request),
        "passkeys_work": _has_a_name(request),
    }


def _groups(member: Membership) -> list[tuple[str, list[tuple[str, str]]]]:
    """Those pages that the member may open, and no empty group."""
    open_ = {
        group: [(name, title) for name, title, right in pages if may(member, right)]
        for group, pages in GROUPS.items()
    }
    return [(group, pages) for group, pages in open_.items() if pages]


def _section(request: HttpRequest) -> str:
    """Of the pages in the navigation the one that this page is, or is below of."""
    match = request.resolver_match
    if match is None or not match.route.startswith(_PLACE):
        return ""
    first, _, _ = match.route.removeprefix(_PLACE).partition("/")
    return _BELOW.get(first, first) or "dashboard"


def _has_a_name(request: HttpRequest) -> bool:
    """Browsers keep passkeys for a name; under a bare address they make none."""
    try:
        host, _ = split_domain_port(request.get_host())
    except DisallowedHost:
        return False
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return True
    return False
