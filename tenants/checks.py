"""Settings that this app refuses to start with, or to be deployed with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from tenants import keys
from tenants.issuer.config import problems as issuer_problems
from tenants.name_records import server_of
from tenants.secrets.azure import addresses
from tenants.secrets.local import MasterKeys

_PREFIX = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")
_NEEDED = {
    "token": ("ORBIT_VAULT_TOKEN",),
    "approle": ("ORBIT_VAULT_ROLE", "ORBIT_VAULT_SECRET_ID"),
    "kubernetes": ("ORBIT_VAULT_ROLE",),
}


@register(Tags.security)
def given_secrets_are_usable(**_: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if settings.ORBIT_MASTER_KEY:
        try:
            MasterKeys.parse(settings.ORBIT_MASTER_KEY)
        except ImproperlyConfigured as error:
            problems.append(Error(str(error), id="tenants.E001"))
    if settings.ORBIT_KEY_PEPPER and len(settings.ORBIT_KEY_PEPPER) < keys.LEAST_PEPPER:
        problems.append(
            Error(f"ORBIT_KEY_PEPPER must have at least {keys.LEAST_PEPPER} characters.", id="tenants.E002")
        )
    if settings.ORBIT_CEILING and not all(settings.ORBIT_CEILING.partition("/")):
        problems.append(Error("ORBIT_CEILING must read ORGANIZATION/POLICY.", id="tenants.E005"))
    return problems


@register(Tags.security)
def name_servers_are_addresses(**_: Any) -> list[CheckMessage]:
    wrong = [text for text in settings.ORBIT_DNS_SERVERS if not _is_server(text)]
    message = "ORBIT_DNS_SERVERS must list addresses, such as 192.0.2.1 or 192.0.2.1:5353, not {!r}."
    return [Error(message.format(text), id="tenants.E008") for text in wrong]


def _is_server(text: str) -> bool:
    try:
        host, port = server_of(text)
        ip_address(host)
    except ValueError:
        return False
    return 0 < port < 65_536


@register(Tags.security)
def secret_stores_are_usable(**_: Any) -> list[CheckMessage]:
    return [
        *(Error(problem, id="tenants.E005") for problem in _prefix_problems(settings.ORBIT_SECRET_PREFIX)),
        *(Error(problem, id="tenants.E006") for problem in _vault_problems()),
        *(Error(problem, id="tenants.E007") for problem in _azure_problems()),
    ]


@register(Tags.security)
def trusted_issuer_is_usable(**_: Any) -> list[CheckMessage]:
    return [Error(problem, id="tenants.E020") for problem in issuer_problems()]


@register(Tags.urls)
def every_endpoint_declares_its_scopes(**_: Any) -> list[CheckMessage]:
    from tenants.api import inventory  # loads every URL, which only those who check URLs want

    return [Error(words, id=number) for number, words in inventory.problems()]


def _prefix_problems(prefix: str) -> Iterator[str]:
    """The name of an organization fills a part of its own, so that no prefix is the beginning of another one."""
    parts = prefix.split("/")
    if not {"{slug}", "{id}"} & set(parts):
        yield "ORBIT_SECRET_PREFIX must have {slug} or {id} between its slashes, such as orbit/{slug}."
    elif not all(part in ("{slug}", "{id}") or _PREFIX.fullmatch(part) for part in parts):
        yield "ORBIT_SECRET_PREFIX may hold letters, digits, inner hyphens and underscores, {slug}, {id} and slashes."


def _vault_problems() -> Iterator[str]:
    if not settings.ORBIT_VAULT_ADDR:
        return
    if urlsplit(settings.ORBIT_VAULT_ADDR).scheme not in ("https", "http"):
        yield "ORBIT_VAULT_ADDR must read https://host:port."
    for name in _NEEDED[settings.ORBIT_VAULT_AUTH]:
        if not getattr(settings, name):
            yield f"{name} is not set, and ORBIT_VAULT_AUTH={settings.ORBIT_VAULT_AUTH} needs it."


def _azure_problems() -> Iterator[str]:
    for name, address in addresses().items():
        if not name or urlsplit(address).scheme != "https":
            yield "ORBIT_AZURE_VAULTS must list names of vaults, or NAME=https://host."


@register(Tags.security, deploy=True)
def secrets_are_given(**_: Any) -> list[CheckMessage]:
    return [
        Error(f"{name} is not set.", id=number)
        for name, number in (("ORBIT_MASTER_KEY", "tenants.E003"), ("ORBIT_KEY_PEPPER", "tenants.E004"))
        if not getattr(settings, name)
    ]
