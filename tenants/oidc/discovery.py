"""A provider's own description of itself (OpenID Connect Discovery 1.0), and what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.cache import cache

from orbit.lib import targets
from orbit.lib.exchange import NotAllowed
from tenants.oidc.http import Rejected, get_json

WELL_KNOWN = "/.well-known/openid-configuration"
WANTED = ("offline_access", "groups")  # for refresh tokens; for the claim, at Okta and Dex
KEPT_S = 600  # for how long a description is used before it is fetched again


@dataclass(frozen=True, slots=True)
class Endpoints:
    issuer: str  # as the provider writes it, and its tokens with it
    authorization: str
    token: str
    keys: str
    userinfo: str = ""
    basic: bool = False  # client id and secret go into a header
    scopes: tuple[str, ...] = ()  # those that we ask for where they are offered
    pkce: bool = True


def endpoints(issuer: str) -> Endpoints:
    """As `look_up`, remembered for a while."""
    known = cache.get(_key(issuer))
    return look_up(issuer) if known is None else Endpoints(**known)


def look_up(issuer: str) -> Endpoints:
    """Fetched now, and remembered. Rejected says what is wrong with the description, Unavailable that there is none to be had."""
    said = get_json(f"{issuer}{WELL_KNOWN}")
    own = said.get("issuer")
    if not isinstance(own, str) or own.rstrip("/") != issuer:
        raise Rejected(
            f"it says that its issuer is {str(own)[:200]!r}, not {issuer!r}: enter exactly what it says"
        )
    methods = _words(said, "token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    found = Endpoints(
        issuer=own,
        authorization=_address(said, "authorization_endpoint"),
        token=_address(said, "token_endpoint"),
        keys=_address(said, "jwks_uri"),
        userinfo=_address(said, "userinfo_endpoint") if said.get("userinfo_endpoint") else "",
        # Where both are there, the one that a provider must have (RFC 6749), and that a client usually is set to.
        basic="client_secret_basic" in methods or "client_secret_post" not in methods,
        scopes=tuple(one for one in WANTED if one in _words(said, "scopes_supported")),
        pkce="S256" in (_words(said, "code_challenge_methods_supported") or ["S256"]),
    )
    cache.set(_key(issuer), asdict(found), KEPT_S)
    return found


def remarks(found: Endpoints) -> Iterator[str]:
    """What works, and not as well as it could."""
    if not found.userinfo:
        yield "It has no userinfo endpoint, so groups must be in its ID tokens, and are looked at again by a refresh token only."
    if "offline_access" not in found.scopes:
        yield "It does not offer the scope offline_access: if it gives no refresh token either, people sign in again when its access token ends."
    if not found.pkce:
        yield "It does not say that it knows PKCE with S256; we send it all the same."


def _key(issuer: str) -> str:
    return f"oidc:{sha256(issuer.encode()).hexdigest()}"


def _words(said: dict[str, Any], name: str) -> list[str]:
    value = said.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _address(said: dict[str, Any], name: str) -> str:
    address = said.get(name)
    if not isinstance(address, str) or not address:
        raise Rejected(f"its description has no {name}")
    try:
        origin, path = targets.split(address)
        where = targets.parse_origin(origin, targets.listed(settings.ORBIT_PRIVATE_TARGETS))
    except NotAllowed as error:
        raise Rejected(f"its {name} {error.message}") from None
    return f"{where.origin}{path}"
