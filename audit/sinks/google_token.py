"""Google's access tokens: for a service account's key, or by the identity that the machine or pod has."""

from __future__ import annotations

import base64
import time
from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import quote

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from audit.sinks.base import Unavailable
from audit.sinks.http import Post, Reply

_SCOPE = "https://www.googleapis.com/auth/logging.write"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASKED_S = 3600
_EARLY_S = (
    300.0  # before its end a token is asked for anew; metadata servers hand out a fresh one from then on
)


class Token(ABC):
    """Called, it gives a token that is good for a while."""

    def __init__(self) -> None:
        self._token, self._until = "", 0.0

    def __call__(self) -> str:
        if time.monotonic() >= self._until:
            began = time.monotonic()
            self._token, seconds = _told(self._ask())
            self._until = began + max(0.0, seconds - _EARLY_S)
        return self._token

    @abstractmethod
    def _ask(self) -> Reply: ...


class ServiceAccountToken(Token):
    def __init__(self, key: str, post: Post) -> None:
        super().__init__()
        self._post = post
        try:
            said = orjson.loads(key)
            self._email, self._key_id = str(said["client_email"]), str(said["private_key_id"])
            self._uri = str(said.get("token_uri", "https://oauth2.googleapis.com/token"))
            private = load_pem_private_key(said["private_key"].encode(), None)
        except (ValueError, KeyError, TypeError, AttributeError):
            private = None
        if not isinstance(private, rsa.RSAPrivateKey):  # the words never repeat what it is
            raise Unavailable(
                "credentials are no key of a service account, as Google's console gives it as JSON"
            )
        self._private = private

    def _ask(self) -> Reply:
        form = f"grant_type={quote(_GRANT, safe='')}&assertion={self._assertion(int(time.time()))}"
        headers = [("content-type", "application/x-www-form-urlencoded")]
        return self._post(self._uri, headers, form.encode())

    def _assertion(self, now: int) -> str:
        head = {"alg": "RS256", "typ": "JWT", "kid": self._key_id}
        claims = {"iss": self._email, "scope": _SCOPE, "aud": self._uri, "iat": now, "exp": now + _ASKED_S}
        signed = f"{_packed(orjson.dumps(head))}.{_packed(orjson.dumps(claims))}"
        signature = self._private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_packed(signature)}"


class MachineToken(Token):
    def __init__(self, host: str, post: Post) -> None:
        super().__init__()
        self._post = post
        self._url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"

    def _ask(self) -> Reply:
        return self._post(self._url, [("metadata-flavor", "Google")], b"", method="GET")


def _told(reply: Reply) -> tuple[str, float]:
    if reply.status != 200:
        raise Unavailable(f"no token for it: answered {reply.status}", reply.retry_after_s)
    try:
        said: dict[str, Any] = orjson.loads(reply.content or b"")
        token, seconds = str(said["access_token"]), float(said["expires_in"])
    except (ValueError, KeyError, TypeError):
        raise Unavailable("no token for it: the answer is none") from None
    return token, seconds


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
