"""JSON from a provider whose address a tenant wrote: by `orbit.lib.errand`, so vetted, without redirects, with caps."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from django.conf import settings
from django.db import connections

from orbit.lib.errand import Fetched, fetch
from orbit.lib.exchange import EgressError, NotAllowed

MOST_BYTES = 1_000_000
_CODE = re.compile(r"[a-z_]{1,40}")


class Unavailable(Exception):
    """No answer that means anything. The words are ours, and safe to show."""


class Rejected(Exception):
    """The provider answered, and what it said is a no or cannot be accepted. The words are ours, and safe to show."""


def get_json(url: str, bearer: str = "") -> dict[str, Any]:
    headers = [("accept", "application/json")]
    if bearer:
        headers.append(("authorization", f"Bearer {bearer}"))
    return _object(url, _ask("GET", url, headers))


def post_form(url: str, fields: dict[str, str], basic: tuple[str, str] | None = None) -> dict[str, Any]:
    """`basic` are the client's id and secret where they go into a header (RFC 6749, section 2.3.1)."""
    headers = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
    if basic is not None:
        pair = ":".join(quote_plus(part) for part in basic)
        headers.append(("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    return _object(url, _ask("POST", url, headers, urlencode(fields).encode()))


def _ask(method: str, url: str, headers: list[tuple[str, str]], body: bytes = b"") -> Fetched:
    let_go_of_the_database()
    try:
        return fetch(
            method,
            url,
            headers,
            body,
            private_targets=settings.ORBIT_PRIVATE_TARGETS,
            seconds=settings.ORBIT_SSO_TIMEOUT_S,
            most_bytes=MOST_BYTES,
        )
    except NotAllowed as error:
        raise Rejected(f"{_place(url)} may not be reached from here: it {error.message}") from None
    except EgressError as error:
        raise Unavailable(f"{_place(url)} did not answer ({type(error).__name__})") from None


def _object(url: str, answer: Fetched) -> dict[str, Any]:
    if answer.status >= 500 or answer.status == 429:
        raise Unavailable(f"{_place(url)} answers with status {answer.status}")
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        found = None
    if answer.status != 200:
        raise Rejected(f"{_place(url)} answers with status {answer.status}{_error_code(found)}")
    if not isinstance(found, dict):
        raise Rejected(f"{_place(url)} answers with something that is no JSON object")
    return found


def _error_code(said: Any) -> str:
    """OAuth's word for it, such as invalid_client. Any other text of the provider's is not repeated."""
    code = said.get("error") if isinstance(said, dict) else None
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _place(url: str) -> str:
    """Without a query, which may hold what is nobody's business."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:200]


def let_go_of_the_database() -> None:
    """Outside of a transaction. Connections to it are few, and a provider may take its time."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
