"""Plain HTTP to a store, or an issuer of tokens, whose address the operator gave."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from typing import Any

import httpx2

from tenants.secrets.secret import Down

LONGEST = 1_000_000


class Http:
    """No redirects, no proxies of the environment. `name` is the store's, for errors."""

    def __init__(self, name: str, timeout_s: float, ca_file: str = "") -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = None

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: object = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """`body` goes as JSON. The status, and the JSON object that came with it. Down when there was no answer or no sense in it."""
        try:
            answer = self._opened().request(method, url, headers=dict(headers), json=body, data=form)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Down(f"{self._name} is not reachable ({type(error).__name__})") from None
        if len(answer.content) > LONGEST:
            raise Down(f"{self._name} answered more than {LONGEST} bytes")
        try:
            found = answer.json() if answer.content else {}
        except ValueError:
            found = {}
        return answer.status_code, found if isinstance(found, dict) else {}

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _opened(self) -> httpx2.Client:
        """Made when it is first used: most installations use one store, or none."""
        with self._lock:
            if self._client is None:
                self._client = httpx2.Client(
                    verify=ssl.create_default_context(cafile=self._ca_file or None),
                    trust_env=False,
                    follow_redirects=False,
                    timeout=self._timeout_s,
                )
            return self._client
