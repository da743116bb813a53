"""Whether a token is the issuer's, good, and meant for us."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import jwt

from tenants.issuer.claims import LEEWAY_S, Claims, read_claims
from tenants.issuer.config import Config, configured
from tenants.issuer.introspection import Introspection
from tenants.issuer.keys import Keys
from tenants.secrets.http import Http

TIMEOUT_S = 3.0  # for one exchange with the issuer
MOST_KID = 256
_TEXT = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_OURS = re.compile(r"orb[mos]?_")  # is told to nobody
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_BAD = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


class Issuer:
    def __init__(self, config: Config) -> None:
        self.config = config
        http = Http("the issuer", TIMEOUT_S, config.ca_file)
        self.keys = Keys(config, http)
        self.introspection = Introspection(config, http) if config.introspection_url else None

    def claims_of(self, token: str) -> Claims | None:
        """None for a token that is not good. IssuerDown when that cannot be said, Malformed as `read_claims`."""
        said = self._said(token)
        return None if said is None else read_claims(said, self.config)

    def _said(self, token: str) -> dict[str, Any] | None:
        if not _TEXT.fullmatch(token) or _OURS.match(token):
            return None
        if not _JWT.fullmatch(token):
            return self.introspection.claims_of(token) if self.introspection else None
        said = self._verified(token)
        if said is None or not self.config.introspects_jwts or self.introspection is None:
            return said
        return said if self.introspection.claims_of(token) is not None else None

    def _verified(self, token: str) -> dict[str, Any] | None:
        try:
            header = jwt.get_unverified_header(token)
        except _BAD:
            return None
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if algorithm not in self.config.algorithms or str(kind).lower() not in _TYPES:
            return None
        if kid is not None and not (isinstance(kid, str) and len(kid) <= MOST_KID):
            return None
        key = self.keys.find(kid, algorithm)
        return None if key is None else self._decoded(token, key, algorithm)

    def _decoded(self, token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any] | None:
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self.config.audience,
                issuer=self.config.issuer,
                leeway=LEEWAY_S,
                options={
                    "require": ["aud", "exp", "iat", "iss", "sub"],
                    "enforce_minimum_key_length": True,
                },
            )
        except _BAD:
            return None


def issuer() -> Issuer | None:
    """The one that is set up, with what this process knows of it; None when there is none."""
    config = configured()
    return None if config is None else _of(config)


@lru_cache(maxsize=2)
def _of(config: Config) -> Issuer:
    return Issuer(config)
