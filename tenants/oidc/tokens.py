"""Tokens: got for a code or a refresh token, used to ask about a person, and checked where they say something themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jwt

from tenants.oidc.discovery import Endpoints
from tenants.oidc.http import Rejected, get_json, post_form
from tenants.secrets import Secret

# What can be checked with a public key. With a shared one (HS256) or none, a token could be made by others.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
LEEWAY_S = 60  # by which clocks may differ


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to a provider."""

    at: Endpoints
    client_id: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)


def exchange(client: Client, *, code: str, verifier: str, redirect_uri: str) -> Tokens:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return _tokens(client, fields | {"code_verifier": verifier})


def refresh(client: Client, token: str) -> Tokens:
    """Rejected when the provider takes it no longer. It may give another refresh token, or keep this one good."""
    found = _tokens(client, {"grant_type": "refresh_token", "refresh_token": token})
    return Tokens(found.access, found.refresh or token, found.id_token)


def userinfo(client: Client, access: str) -> dict[str, Any]:
    return get_json(client.at.userinfo, bearer=access)


def id_claims(client: Client, id_token: str) -> dict[str, Any]:
    """What the token says, once signature, issuer, audience and time are right. Rejected when one is not."""
    try:
        header = jwt.get_unverified_header(id_token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise Rejected("its ID token is signed in a way that we do not accept")
        said: dict[str, Any] = jwt.decode(
            id_token,
            _key(get_json(client.at.keys), header.get("kid"), algorithm),
            algorithms=[algorithm],
            audience=client.client_id,
            issuer=client.at.issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "sub"]},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:  # a key may be anything
        raise Rejected(f"its ID token is not valid ({type(error).__name__})") from None
    if isinstance(said["aud"], list) and len(said["aud"]) > 1 and said.get("azp") != client.client_id:
        raise Rejected("its ID token is for somebody else")
    return said


def _key(said: dict[str, Any], kid: object, algorithm: str) -> jwt.PyJWK:
    """The key that the token names; a provider with a single key need not name it."""
    keys = [one for one in said.get("keys") or () if isinstance(one, dict) and one.get("use", "sig") == "sig"]
    fitting = [one for one in keys if one.get("kid") == kid] if kid is not None else keys
    if len(fitting) != 1 or fitting[0].get("alg", algorithm) != algorithm:
        raise Rejected("its ID token names no key of the provider's")
    return jwt.PyJWK(fitting[0], algorithm)


def _tokens(client: Client, fields: dict[str, str]) -> Tokens:
    secret = client.secret.reveal()
    if client.at.basic:
        said = post_form(client.at.token, fields, (client.client_id, secret))
    else:
        said = post_form(client.at.token, fields | {"client_id": client.client_id, "client_secret": secret})
    access = said.get("access_token")
    if not isinstance(access, str) or not access:
        raise Rejected("it gave no access token")
    more = {name: said.get(name) for name in ("refresh_token", "id_token")}
    text = {name: value if isinstance(value, str) else "" for name, value in more.items()}
    return Tokens(access, text["refresh_token"], text["id_token"])
