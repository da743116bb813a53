"""The issuer's public keys, as one process knows them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import jwt

from orbit.lib.exchange import NotAllowed
from tenants.issuer.config import Config, vetted
from tenants.issuer.trouble import IssuerDown
from tenants.secrets.http import Http
from tenants.secrets.secret import Down

logger = logging.getLogger(__name__)

FRESH_S = 900.0  # then they are fetched again
KEPT_S = 3600.0  # for so long they serve while the issuer does not answer
AGAIN_S = 10.0  # between two fetches, whatever tokens name: made-up keys are no way to keep the issuer busy
MOST_KEYS = 100
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_WELL_KNOWN = "/.well-known/openid-configuration"


class Keys:
    """Threads share it; one fetches, and those that need what it fetches wait for it."""

    def __init__(self, config: Config, http: Http, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._jwks: list[dict[str, Any]] = []
        self._fetched_at = self._tried_at = float("-inf")

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """None when the issuer has no such key. IssuerDown when it cannot be asked and nothing is known."""
        key = self._known(kid, algorithm)
        if key is not None and self._age() < FRESH_S:
            return key
        # who knows the key waits for nobody else's fetching
        if self._lock.acquire(blocking=key is None or self._age() >= KEPT_S):
            try:
                if self._clock() - self._tried_at >= AGAIN_S:
                    self._fetch()
            finally:
                self._lock.release()
        if self._age() >= KEPT_S or (self._tried_at > self._fetched_at and key is None):
            raise IssuerDown("its keys cannot be had")
        return self._known(kid, algorithm)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _known(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        fitting = [one for one in self._jwks if _fits(one, algorithm)]
        if kid is not None:
            fitting = [one for one in fitting if one.get("kid") == kid]
        if len(fitting) != 1:  # a token that names no key is good only where there is no choice
            return None
        try:
            return jwt.PyJWK(fitting[0], algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    def _fetch(self) -> None:
        """On failure what is known stays."""
        self._tried_at = self._clock()
        try:
            status, said = self._http.ask("GET", self._address(), {"accept": "application/json"})
            jwks = said.get("keys")
            if status != 200 or not isinstance(jwks, list):
                raise Down(f"its keys come with status {status}")
        except (Down, NotAllowed) as error:
            logger.warning("the keys of %s cannot be had: %s", self._config.issuer, error)
            return
        self._jwks = [one for one in jwks[:MOST_KEYS] if isinstance(one, dict)]
        self._fetched_at = self._tried_at

    def _address(self) -> str:
        if self._config.keys_url:
            return vetted(self._config.keys_url)
        url = vetted(self._config.issuer.rstrip("/") + _WELL_KNOWN)
        status, said = self._http.ask("GET", url, {"accept": "application/json"})
        if status != 200 or said.get("issuer") != self._config.issuer:
            raise Down(f"{url} answers {status} and names the issuer {str(said.get('issuer'))[:200]!r}")
        return vetted(str(said.get("jwks_uri", "")))


def _fits(jwk: dict[str, Any], algorithm: str) -> bool:
    return (
        jwk.get("kty") == _FAMILIES[algorithm[:2]]
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and "d" not in jwk  # who publishes its secret half has no key any more
    )
