"""What a good token says: who it is of, what it opens, in which organization. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from tenants.issuer.config import Config
from tenants.rights import Scope

LEEWAY_S = 30  # by which the issuer's clock may differ from ours
MOST_WORDS = 2_000
_PLAIN = re.compile(r"(?!client_id:)[!-}]{1,120}")  # printable ASCII without blanks and ~
_NO_ACCESS = frozenset({"id", "id_token", "refresh", "offline", "logout"})


class Malformed(ValueError):
    """The token is good, and does not say what it must say here."""


@dataclass(frozen=True, slots=True)
class Claims:
    name: str  # of the caller, in the ledger and in logs
    scopes: frozenset[Scope]
    organization: str | None  # its slug; None: in every one


def read_claims(said: Mapping[str, Any], config: Config) -> Claims:
    """Malformed when it names nobody, or an organization in a way that we do not understand."""
    for kind in ("typ", "token_use"):  # as Keycloak and Cognito call what is no access token
        if str(said.get(kind, "")).lower() in _NO_ACCESS:
            raise Malformed("it is no access token")
    words = frozenset(word for name in config.scope_claims for word in _words(found(said, name)))
    return Claims(_name(said, config), config.scopes_of(words), _organization(said, config))


def audience_of(said: Mapping[str, Any]) -> tuple[str, ...]:
    named = said.get("aud")
    listed = named if isinstance(named, list) else [named]
    return tuple(one for one in listed if isinstance(one, str))


def found(said: Mapping[str, Any], name: str) -> Any:
    """The claim of this name; else the one that its dots lead to, as Keycloak nests them."""
    if name in said:
        return said[name]
    value: Any = said
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _words(value: Any) -> tuple[str, ...]:
    """Of a text with blanks (`scope`) or a list (`roles`, `groups`)."""
    if isinstance(value, str):
        return tuple(value.split(" ", MOST_WORDS)[:MOST_WORDS])
    if isinstance(value, list):
        return tuple(one for one in value[:MOST_WORDS] if isinstance(one, str))
    return ()


def _organization(said: Mapping[str, Any], config: Config) -> str | None:
    if not config.organization_claim:
        return None
    value = found(said, config.organization_claim)
    if value is None and not _has(said, config.organization_claim):
        return None
    if not isinstance(value, str) or not value:
        raise Malformed("its organization is not named by one text")
    return value


def _has(said: Mapping[str, Any], name: str) -> bool:
    if name in said:
        return True
    outer, _, last = name.rpartition(".")
    inside = found(said, outer) if outer else None
    return isinstance(inside, Mapping) and last in inside


def _name(said: Mapping[str, Any], config: Config) -> str:
    """`login.example.com 1234`. No two subjects share one: what is long or odd gets its digest."""
    subject, client = said.get("sub"), said.get("client_id")
    host = (urlsplit(config.issuer).netloc or config.issuer)[:80]
    if isinstance(subject, str) and subject:
        kind, value = "", subject
    elif subject is None and isinstance(client, str) and client:
        kind, value = "client_id:", client
    else:
        raise Malformed("it names nobody")
    if _PLAIN.fullmatch(value):
        return f"{host} {kind}{value}"
    digest = sha256(f"{kind}{value}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{host} {kind}{re.sub(r'[^!-}]', '_', value[:60])}~{digest}"
