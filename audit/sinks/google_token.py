"""Google's access tokens: for a service account's key, or by the identity that the machine or pod has."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any

import orjson

from audit.sinks.base import Unavailable
from audit.sinks.http import Post, Reply
from orbit.lib.google_account import CONTENT_TYPE, ServiceAccount

_SCOPE = "https://www.googleapis.com/auth/logging.write"
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
            self._account = ServiceAccount.parse(key)
        except ValueError as error:
            raise Unavailable(f"credentials are {error}") from None

    def _ask(self) -> Reply:
        form = self._account.form(_SCOPE, int(time.time()))
        return self._post(self._account.uri, [CONTENT_TYPE], form)


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
