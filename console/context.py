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

# Pages of an organization, by the name of their address, and the right that each takes.
SECTIONS = (
    ("dashboard", "Dashboard", Right.USAGE_READ),
    ("my_usage", "My usage", Right.ORGANIZATION_READ),
    ("calls", "Calls", Right.ORGANIZATION_READ),
    ("playground", "Playground", Right.ORGANIZATION_READ),
    ("keys", "Keys", Right.KEYS_READ),
    ("policies", "Policies", Right.ORGANIZATION_READ),
    ("requests", "Requests", Right.ORGANIZATION_READ),
    ("members", "Members", Right.MEMBERS_READ),
    ("contents", "Contents", Right.CONTENTS_ERASE),
    ("start", "Set up", Right.ORGANIZATION_READ),
)

# Pages that lie below one of these, by the section that is marked then.
BELOW = {
    "policy": "policies",
    "new_policy": "policies",
    "edit_policy": "policies",
    "check_policy": "policies",
    "compare_policy": "policies",
    "begin_trial": "policies",
    "ask_for_more": "requests",
}


def console(request: HttpRequest) -> dict[str, Any]:
    member: Membership | None = getattr(request, "membership", None)
    page = request.resolver_match.url_name if request.resolver_match else ""
    return {
        "development_outbox": mail.is_outbox() and is_local_development(request),
        "current_section": BELOW.get(page or "", page),
        "requests_to_answer": SimpleLazyObject(lambda: to_answer(member) if member else 0),
        "open_pages": [(name, title) for name, title, right in SECTIONS if member and may(member, right)],
        "passkeys_work": _has_a_name(request),
    }


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
