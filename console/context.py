"""What every template may ask for."""

from __future__ import annotations

from ipaddress import ip_address

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.request import split_domain_port

from console import mail
from console.access import is_local_development


def console(request: HttpRequest) -> dict[str, bool]:
    return {
        "development_outbox": mail.is_outbox() and is_local_development(request),
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
