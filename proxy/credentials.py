"""Where a client names its key, and DRF's authentication with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from orbit.lib.errors import Code, OrbitError
from proxy.checks import check_principal, invalid_key
from proxy.request import raw_of

PLACES = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")


def named_key(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> str:
    """The one key that a request names. AMBIGUOUS_CREDENTIALS for two different ones or one in the address."""
    found: set[bytes] = set()
    for name, value in headers:
        if name == b"authorization":
            scheme, _, rest = value.partition(b" ")
            if scheme.lower() != b"bearer":
                raise invalid_key()
            found.add(rest.strip())
        elif name in PLACES:
            found.add(value.strip())
    if query and any(
        part.partition(b"=")[0] in (b"key", b"api_key", b"api-key") for part in query.split(b"&")
    ):
        raise OrbitError(
            Code.AMBIGUOUS_CREDENTIALS,
            "A key in the address would end up in logs. Send it as Authorization: Bearer.",
        )
    if len(found) > 1:
        raise OrbitError(Code.AMBIGUOUS_CREDENTIALS, "The request names two different keys. Send one.")
    return found.pop().decode("latin-1") if found else ""


class IssuedKeyAuthentication(BaseAuthentication):
    """The key was looked up before DRF runs; here it is judged."""

    def authenticate(self, request: Request) -> tuple[Any, str]:
        principal = check_principal(raw_of(request).principal)
        return principal, principal.key.id
