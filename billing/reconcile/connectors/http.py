"""The way to a provider's reports: one request at a time, patient for a while where it says that it is too much."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from billing.reconcile.connectors.base import Refused, Unreadable
from orbit.lib.errand import Fetched, fetch
from orbit.lib.exchange import EgressError

MOST_BYTES = 50_000_000
SECONDS = 60.0  # of one exchange
TRIES = 8
LONGEST_S = 120.0  # of one wait
AGAIN = (408, 429, 500, 502, 503, 504)


@dataclass
class HttpApi:
    """`patience_s` is what all waits of a run may take together. Secrets are in `headers` alone."""

    base_url: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    patience_s: float = 600.0
    sleep: Callable[[float], None] = time.sleep
    told: Callable[[], None] = lambda: None  # after each answer
    waited_s: float = 0.0
    requests: int = 0

    def get(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        return _read(self._answered(path, query, (200,)))

    def find(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
        found = self._answered(path, query, (200, 404))
        return _read(found) if found.status == 200 else None

    def _answered(self, path: str, query: Sequence[tuple[str, str]], wanted: Sequence[int]) -> Fetched:
        url = f"{self.base_url}{path}?{urlencode(query)}"
        for number in range(TRIES):
            answer = self._asked(url)
            if answer is not None and answer.status in wanted:
                self.told()
                return answer
            if answer is not None and answer.status not in AGAIN:
                raise _refused(path, answer.status)
            self._wait(path, answer, number)
        raise Unreadable(f"{path} was refused {TRIES} times in a row")

    def _asked(self, url: str) -> Fetched | None:
        """None where the connection failed."""
        self.requests += 1
        try:
            return fetch(
                "GET",
                url,
                [*self.headers, ("accept", "application/json"), ("accept-encoding", "identity")],
                private_targets=settings.ORBIT_PRIVATE_TARGETS,
                seconds=SECONDS,
                most_bytes=MOST_BYTES,
                wanted=("retry-after",),
            )
        except EgressError as error:
            if not error.worked and type(error).__name__ == "NotAllowed":
                raise Refused(f"the address of the reports may not be reached: {error}") from None
            return None

    def _wait(self, path: str, answer: Fetched | None, number: int) -> None:
        wanted = _retry_after(answer.headers.get("retry-after", "")) if answer is not None else None
        seconds = min(LONGEST_S, wanted if wanted is not None else 2.0**number)
        if self.waited_s + seconds > self.patience_s:
            why = f"answered {answer.status}" if answer is not None else "did not answer"
            raise Unreadable(f"{path} {why}, and our patience of {self.patience_s:.0f} s is over")
        self.waited_s += seconds
        self.sleep(seconds)


def _read(answer: Fetched) -> dict[str, Any]:
    try:
        found = json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        raise Unreadable("the answer is no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("the answer is no object")
    return found


def _refused(path: str, status: int) -> Refused:
    if status in (401, 403):
        return Refused(f"the usage credential may not read {path} (HTTP {status}); it takes an admin key")
    return Refused(f"{path} answered HTTP {status}")


def _retry_after(text: str) -> float | None:
    """Seconds, or a date of HTTP."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
