"""The management API over HTTP: one exchange at a time, pages of lists, and errors as failures."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from orbit.cli.failures import Exit, Failure, Problem

API = "/api/v1/"
CONNECT_S, ANSWER_S = 10.0, 120.0
TRIES = 3
LONGEST_WAIT_S = 60
PAGE = 200  # the most that the API gives at once
_BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Client:
    """Follows no redirect: a key goes to the address that its owner named and nowhere else."""

    def __init__(self, url: str, key: str) -> None:
        self.url = checked_url(url)
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            verify=_authorities(),
        )

    def close(self) -> None:
        self._http.close()

    def ask(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Answer:
        """What the API answers below /api/v1/. Failure when it does not, Problem when it refuses."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        for attempt in range(1, TRIES + 1):
            answer = self.exchange(method, API + path, query=query, body=body, headers=headers)
            if answer.status not in _BUSY or attempt == TRIES:
                break
            time.sleep(_wait_of(answer))
        if not 200 <= answer.status < 300:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: Answer) -> Failure:
        if answer.status < 400:
            where = answer.headers.get("location", "nowhere")
            return Failure(
                f"{self.url} sends us to {where}",
                "Name that address, if it is the gateway's.",
                Exit.UNREACHABLE,
            )
        return Problem(answer.status, answer.content if isinstance(answer.content, dict) else {})

    def rows(self, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        """A list to its end, a page at a time."""
        cursor: str | None = None
        while True:
            asked = {**query, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = self.ask("GET", path, query=asked).content
            yield from page["data"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def fetch(self, url: str, into: Callable[[bytes], object]) -> None:
        """A file by its link, which takes no key: none is sent. Failure when it is not whole."""
        try:
            with httpx2.stream("GET", url, timeout=self._http.timeout, verify=_authorities()) as response:
                if response.status_code != httpx2.codes.OK:
                    raise Failure(f"the link answers {response.status_code}", "Make another one.")
                for some in response.iter_raw():
                    into(some)
        except httpx2.TransportError as error:
            raise Failure(
                f"the file broke off: {_cause(error)}", "Try once more.", Exit.UNREACHABLE
            ) from None

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As it comes, whatever the status."""
        asked = {name: _query_text(value) for name, value in (query or {}).items()}
        try:
            response = self._http.request(method, path, params=asked or None, json=body, headers=headers)
        except httpx2.TransportError as error:
            raise Failure(
                f"no answer from {self.url}: {_cause(error)}",
                "Is the address right, and the gateway up?",
                Exit.UNREACHABLE,
            ) from None
        try:
            content = response.json() if response.content else None
        except ValueError:
            content = None
        if response.is_success and response.content and content is None:
            raise Failure(
                f"{self.url} answers, but not as the management API does",
                "Is the address right?",
                Exit.UNREACHABLE,
            )
        return Answer(response.status_code, content, response.headers)


@cache
def _authorities() -> ssl.SSLContext:
    """The system's. They take longer to read than the rest of a command."""
    return httpx2.create_ssl_context()


def segment(text: str) -> str:
    """A name as a part of a path. Those of models hold slashes, and the API takes them as they are."""
    return quote(text, safe="/:@")


def checked_url(url: str) -> str:
    """The address without its end; Failure when it is none."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username
        or parts.query
        or parts.fragment
    ):
        raise Failure(f"{url!r} is no address of a gateway", "Write it as https://gateway.example.com.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/api/v1")


def travels_openly(url: str) -> bool:
    """Whether others on the way could read a key that goes there."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost")


def _query_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _wait_of(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return min(int(text), LONGEST_WAIT_S) if text.isdecimal() else 1


def _cause(error: Exception) -> str:
    words = str(error).strip()
    return words or type(error).__name__
