"""Secrets that are missing, can be guessed, or stand for two things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SECRETS = {
    "ORBIT_SECRET_KEY": "SECRET_KEY",
    "ORBIT_KEY_PEPPER": "ORBIT_KEY_PEPPER",
    "ORBIT_MASTER_KEY": "ORBIT_MASTER_KEY",
}
LEAST = 32  # characters of ORBIT_SECRET_KEY
LEAST_DIFFERENT = 10  # among them
LEAST_TOKEN = 16
HOW = "docs/configuration.md says how to make it."
# What examples hold in the place of a secret.
_OF_AN_EXAMPLE = re.compile(
    r"insecure|change[-_ ]?me|replace[-_ ]?me|your[-_ ]?secret|example", re.IGNORECASE
)
_USUAL_PASSWORDS = frozenset(
    {"admin", "changeme", "default", "orbit", "password", "postgres", "redis", "root", "secret", "valkey", "123456"}
)  # fmt: skip
_ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "ORBIT_BROKER_URL", "ORBIT_CACHE_URL")


def problems() -> list[str]:
    return [*_missing(), *_weak(), *_alike(), *_passwords()]


def _missing() -> Iterator[str]:
    for variable, name in SECRETS.items():
        if not value(name):
            yield f"{variable} is not set. {HOW}"


def _weak() -> Iterator[str]:
    key = value("SECRET_KEY")
    if key and len(key) < LEAST:
        yield f"ORBIT_SECRET_KEY must have at least {LEAST} characters. {HOW}"
    elif key and len(set(key)) < LEAST_DIFFERENT:
        yield f"ORBIT_SECRET_KEY repeats a few characters, so it can be guessed. {HOW}"
    for variable, name in SECRETS.items():
        if _OF_AN_EXAMPLE.search(value(name)):
            yield f"{variable} is an example's, which everybody knows. {HOW}"
    token = settings.ORBIT_METRICS_TOKEN
    if token and len(token) < LEAST_TOKEN:
        yield f"ORBIT_METRICS_TOKEN must have at least {LEAST_TOKEN} characters, or be left out."


def _alike() -> Iterator[str]:
    """Whoever learns one must not have the others with it."""
    seen: dict[str, str] = {}
    for variable, name in SECRETS.items():
        given = value(name)
        if given and given in seen:
            yield f"{variable} is the same as {seen[given]}. Make one of its own: {HOW}"
        seen.setdefault(given, variable)


def _passwords() -> Iterator[str]:
    """On a laptop they may be what they like."""
    if settings.ORBIT_DEVELOPMENT:
        return
    told = set()
    for name in _ADDRESSES:
        parts = urlsplit(getattr(settings, name) or "")
        password = unquote(parts.password or "").lower()
        where = (parts.netloc, password)
        if password and where not in told and password in {*_USUAL_PASSWORDS, (parts.username or "").lower()}:
            told.add(where)
            yield f"{name} has a password that everybody tries first. Give {parts.username or 'the server'} another one."


def value(name: str) -> str:
    try:
        return str(getattr(settings, name) or "")
    except ImproperlyConfigured:  # Django's own word for an empty SECRET_KEY
        return ""
