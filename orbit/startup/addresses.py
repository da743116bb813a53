"""How the gateway is reached, and what its settings say of that. What the apps' own checks find is told here too."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import ERROR, Tags, run_checks
from django.http.request import validate_host

from orbit.grafana import api as grafana
from proxy.traces import link

DEV, PROD = "orbit.settings.dev", "orbit.settings.prod"
SWITCH = f"DJANGO_SETTINGS_MODULE={PROD}"


def problems() -> list[str]:
    return [*_debug(), *_hosts(), *_behind_tls(), *_mail(), *_apps(), *link.problems(), *grafana.problems()]


def warnings() -> list[str]:
    return [*_for_a_laptop(), *_for_a_server(), *_hints()]


def _debug() -> Iterator[str]:
    if settings.DEBUG:
        yield f"DEBUG is on, so errors show settings and source to whoever meets them. Use {DEV} or {PROD}."


def _hosts() -> Iterator[str]:
    if {"*", "."} & set(settings.ALLOWED_HOSTS):
        yield (
            "ORBIT_ALLOWED_HOSTS lets any host name in, so mails may carry links to somebody else's. "
            "List the names under which the gateway is reached."
        )
    host = urlsplit(settings.ORBIT_PUBLIC_URL).hostname
    if not host:
        yield "ORBIT_PUBLIC_URL must read https://host, with :port where it has another one."
    elif not is_local() and not validate_host(host, settings.ALLOWED_HOSTS):
        yield (
            f"ORBIT_PUBLIC_URL names {host}, which ORBIT_ALLOWED_HOSTS does not: every page would answer 400. "
            f"Add {host} to ORBIT_ALLOWED_HOSTS."
        )


def _behind_tls() -> Iterator[str]:
    if settings.ORBIT_DEVELOPMENT or is_local():
        return
    if urlsplit(settings.ORBIT_PUBLIC_URL).scheme != "https":
        yield (
            f"ORBIT_PUBLIC_URL is no https:// address, and with {PROD} cookies go over TLS alone: nobody could sign "
            "in. Put a proxy that speaks TLS in front and name its address in ORBIT_PUBLIC_URL."
        )
    elif not settings.ORBIT_TRUSTED_PROXIES_GIVEN:
        yield (
            "ORBIT_TRUSTED_PROXIES is not set, and something in front of the gateway speaks TLS for it: all clients "
            "would have its address, in limits of sign-in and in policies. Set it to the number of proxies that add to "
            "X-Forwarded-For; to 0 where none does."
        )


def _mail() -> Iterator[str]:
    if settings.ORBIT_DEVELOPMENT or is_local() or settings.ORBIT_SIGN_UP == "invitation":
        return
    if settings.ORBIT_EMAIL_URL.startswith("outbox:"):
        yield (
            "ORBIT_EMAIL_URL is outbox:, which sends nothing, and ORBIT_SIGN_UP lets people sign up who confirm their "
            "address by mail. Set ORBIT_EMAIL_URL to smtp://user:password@host:port, or ORBIT_SIGN_UP to invitation."
        )


def _apps() -> Iterator[str]:
    """Commands of manage.py run these by themselves, servers do not."""
    for found in run_checks(tags=[Tags.security]):
        if found.level >= ERROR:
            yield str(found.msg)


def _hints() -> Iterator[str]:
    for found in run_checks(tags=[Tags.security]):
        if found.level < ERROR:
            yield f"{found.msg} {found.hint or ''}".strip()


def _for_a_laptop() -> Iterator[str]:
    if settings.ORBIT_DEVELOPMENT and not is_local():
        yield (
            f"ORBIT_PUBLIC_URL is for others, and {DEV} is for a laptop: cookies go without TLS too, and staff need no "
            f"second factor. Set {SWITCH}."
        )


def _for_a_server() -> Iterator[str]:
    if not settings.ORBIT_DEVELOPMENT and is_local():
        yield (
            "ORBIT_PUBLIC_URL leads to this machine itself, also in the mails that others get. "
            "Set it to the address that people use."
        )


def is_local() -> bool:
    """Whether the public address is this machine's own."""
    host = urlsplit(settings.ORBIT_PUBLIC_URL).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
