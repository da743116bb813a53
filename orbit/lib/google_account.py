"""Google's service accounts: the key as Google's console gives it, and what is sent for a token."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TOKEN_URI = "https://oauth2.googleapis.com/token"
CONTENT_TYPE = ("content-type", "application/x-www-form-urlencoded")
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASKED_S = 3600


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    email: str
    key_id: str
    uri: str
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def parse(cls, key: str) -> ServiceAccount:
        """ValueError, which never repeats what it is, for anything but a service account's key."""
        try:
            said = orjson.loads(key)
            email, key_id = str(said["client_email"]), str(said["private_key_id"])
            uri = str(said.get("token_uri", TOKEN_URI))
            private = load_pem_private_key(said["private_key"].encode(), None)
        except (ValueError, KeyError, TypeError, AttributeError):
            private = None
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("no key of a service account, as Google's console gives it as JSON")
        return cls(email, key_id, uri, private)

    def form(self, scope: str, now: int) -> bytes:
        """What is posted to `uri` for an access token."""
        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        claims = {"iss": self.email, "scope": scope, "aud": self.uri, "iat": now, "exp": now + _ASKED_S}
        signed = f"{_packed(orjson.dumps(head))}.{_packed(orjson.dumps(claims))}"
        signature = self.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"grant_type={quote(_GRANT, safe='')}&assertion={signed}.{_packed(signature)}".encode()


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
