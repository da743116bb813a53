"""How secrets of OAuth clients are stored: as issued keys are, for they are as random and checked as often."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import BasePasswordHasher, make_password
from django.utils.crypto import constant_time_compare

from tenants import keys

PREFIX = "orbs_"


def new_secret() -> tuple[str, str]:
    """A secret, and what is stored of it."""
    text = keys.new_key(PREFIX)
    return text, make_password(text, hasher=ClientSecretHasher.algorithm)


class ClientSecretHasher(BasePasswordHasher):
    """A keyed digest. One that is slow on purpose would guard nothing here, and keep us busy for whoever asks.

    allauth checks secrets as Django checks passwords, so this is one of PASSWORD_HASHERS; never the first.
    """

    algorithm = "orbit_client_secret"

    def salt(self) -> str:
        return "none"

    def encode(self, password: str, salt: str) -> str:
        return f"{self.algorithm}${keys.digest(password, settings.ORBIT_KEY_PEPPER).hex()}"

    def decode(self, encoded: str) -> dict[str, Any]:
        algorithm, _, digest = encoded.partition("$")
        return {"algorithm": algorithm, "hash": digest, "salt": ""}

    def verify(self, password: str, encoded: str) -> bool:
        return keys.well_formed(password, PREFIX) and constant_time_compare(
            encoded, self.encode(password, "")
        )

    def safe_summary(self, encoded: str) -> Any:
        return {"algorithm": self.algorithm}

    def must_update(self, encoded: str) -> bool:
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        pass
