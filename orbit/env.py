"""Typed readers of the environment. A bad value stops the start, naming the variable."""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import parse_qsl, unquote, urlsplit

from orbit.lib.redis import Address

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_PRINTABLE = re.compile(r"[ -~]+")
READ: set[str] = set()  # every name asked for; a test compares it with the documentation


class BadSetting(RuntimeError):
    """A variable of the environment has a value that we cannot work with."""


def text(name: str, default: str = "") -> str:
    READ.add(name)
    return os.environ.get(name, "").strip() or default


def integer(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    raw = text(name)
    if not raw:
        return default
    if not raw.lstrip("-").isdigit() or not low <= int(raw) <= high:
        raise BadSetting(f"{name} must be a whole number from {low} to {high}, not {raw!r}.")
    return int(raw)


def flag(name: str, default: bool = False) -> bool:
    raw = text(name).lower()
    if not raw:
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(f"{name} must be 1 or 0, not {raw!r}.")


def choice(name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, the first of which is the default."""
    value = text(name, choices[0])
    if value not in choices:
        raise BadSetting(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma list; empty items are dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def networks(name: str, default: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A comma list of addresses and networks; `none` is the empty one."""
    found = [] if text(name, default).lower() == "none" else words(name, default)
    try:
        return tuple(ip_network(one) for one in found)
    except ValueError as error:
        raise BadSetting(f"{name} must list networks such as 10.0.0.0/8, or be none: {error}.") from None


def table(name: str) -> dict[str, tuple[str, ...]]:
    """A comma list of `KEY=word word`."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in words(name):
        key, _, rest = entry.rpartition("=")  # no word of ours has the sign, and a key may
        if not key.strip() or not rest.split() or key.strip() in found:
            raise BadSetting(f"{name} must read NAME=word word,NAME=word with each name once, not {entry!r}.")
        found[key.strip()] = tuple(rest.split())
    return found


def pairs(name: str) -> dict[str, str]:
    """A comma list of `NAME=value`, names in small letters. Values may be secrets: an error does not show them."""
    found = {}
    for entry in words(name):
        key, equals, value = entry.partition("=")
        if not equals or not _HEADER.fullmatch(key.strip()) or not _PRINTABLE.fullmatch(value.strip()):
            raise BadSetting(f"{name} must read NAME=value,NAME=value, each a header of plain letters.")
        found[key.strip().lower()] = value.strip()
    return found


def sign_up(name: str) -> tuple[str, frozenset[str]]:
    """Who may sign up: open, invitation, approval, or domains with the domains themselves."""
    value = text(name, "open").lower()
    mode, _, rest = value.partition(":")
    domains = frozenset(word.strip() for word in rest.split(",") if word.strip())
    known = mode == "domains" if domains else value in {"open", "invitation", "approval"}
    if not known or any("@" in domain or "." not in domain for domain in domains):
        raise BadSetting(
            f"{name} must be open, invitation, approval or domains:example.com,example.org, not {value!r}."
        )
    return mode, domains


def store(name: str) -> str:
    """A Redis or a cluster of them; empty when there is none."""
    url = text(name)
    if url:
        try:
            Address.parse(url)
        except ValueError as error:
            raise BadSetting(str(error)) from None
    return url


def plain_store(name: str, default: str) -> str:
    """A Redis that is one server, for what speaks to no cluster."""
    url = text(name, default)
    if url.partition("://")[0].endswith("+cluster"):
        raise BadSetting(f"{name} must name one Redis server, not a cluster, also where REDIS_URL names one.")
    return url


def database(name: str, url: str) -> dict[str, object]:
    """The Django connection for `postgresql://user:password@host:port/name?sslmode=…`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise BadSetting(f"{name} must read postgresql://user:password@host:port/database.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
