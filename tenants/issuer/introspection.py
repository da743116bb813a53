"""Asking the issuer about a token (RFC 7662)."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

from orbit.lib.exchange import NotAllowed
from tenants.issuer.claims import LEEWAY_S, audience_of
from tenants.issuer.config import Config, vetted
from tenants.issuer.trouble import IssuerDown
from tenants.secrets.http import Http
from tenants.secrets.secret import Down

logger = logging.getLogger(__name__)

AT_ONCE = 8  # questions of one process: whoever makes tokens up shall not tie up all its threads
WAIT_S = 1.0  # for a place among them
MOST_KNOWN = 2_000


class Introspection:
    """What it answers is remembered for `cache_s` under the token's full digest, and no longer than the token lasts."""

    def __init__(self, config: Config, http: Http, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._known: OrderedDict[bytes, tuple[float, dict[str, Any] | None]] = OrderedDict()

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """None for a token that is not good, or not for us. IssuerDown when that cannot be said."""
        digest = sha256(token.encode()).digest()
        with self._lock:
            until, said = self._known.get(digest, (0.0, None))
        now = self._clock()
        if now >= until:
            said = self._asked(token)
            until = now + self._config.cache_s
            if said is not None and isinstance(said.get("exp"), int | float):
                until = min(until, said["exp"])
            self._remember(digest, until, said)
        return said if said is not None and self._good(said, now) else None

    def _asked(self, token: str) -> dict[str, Any] | None:
        if not self._places.acquire(timeout=WAIT_S):
            raise IssuerDown("too many questions at once")
        try:
            status, said = self._http.ask(
                "POST",
                vetted(self._config.introspection_url),
                {"accept": "application/json", "authorization": self._login()},
                form={"token": token, "token_type_hint": "access_token"},
            )
        except (Down, NotAllowed) as error:
            logger.warning("%s cannot be asked about tokens: %s", self._config.issuer, error)
            raise IssuerDown("it does not answer") from None
        finally:
            self._places.release()
        if status != 200 or not isinstance(said.get("active"), bool):
            logger.warning("%s answers with status %s when asked about a token", self._config.issuer, status)
            raise IssuerDown("it gave no answer")
        return said if said["active"] else None

    def _good(self, said: dict[str, Any], now: float) -> bool:
        """The issuer has the last word on its tokens; that one is for us, we see to."""
        ends, begins = said.get("exp"), said.get("nbf")
        if ends is not None and not (isinstance(ends, int | float) and now < ends + LEEWAY_S):
            return False
        if begins is not None and not (isinstance(begins, int | float) and begins <= now + LEEWAY_S):
            return False
        ours = said.get("iss") in (None, self._config.issuer)
        return ours and self._config.audience in audience_of(said)

    def _login(self) -> str:
        pair = f"{quote_plus(self._config.client_id)}:{quote_plus(self._config.client_secret)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _remember(self, digest: bytes, until: float, said: dict[str, Any] | None) -> None:
        with self._lock:
            self._known[digest] = until, said
            self._known.move_to_end(digest)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
