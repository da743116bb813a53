"""What sinks that speak HTTP share: an address, the one way out, and what went wrong in words."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from audit.sinks.base import Unavailable
from audit.sinks.config import Reference, SinkConfig, Tls
from audit.sinks.tls import context
from orbit.lib.egress import CLIENTS, Egress, read_all
from orbit.lib.exchange import EgressError, NotAllowed, NotConnected, TimedOut, Timeouts, TooLarge
from orbit.lib.targets import bracketed, listed, parse_origin, split

# Statuses that say nothing of what was sent: credentials, addresses and methods that are wrong for every event alike,
# and those that ask to come again. All others from 400 to 499 refuse what was sent.
NOT_OF_THE_EVENT = frozenset({401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 426, 429})
_LONGEST_WAIT_S = 3600.0


class HttpConfig(SinkConfig):
    """Of a sink whose address the operator writes."""

    url: str
    headers: dict[str, Reference] = Field(default_factory=dict)
    private: bool = False
    tls: Tls = Tls()

    @field_validator("url")
    @classmethod
    def _no_query(cls, given: str) -> str:
        if "?" in given:
            raise ValueError("must not have a query, which would show in logs; put a token into headers")
        return given

    @model_validator(mode="after")
    def _is_allowed(self) -> Self:
        check_url("url", self.url, private=self.private)
        return self

    @property
    def private_targets(self) -> tuple[str, ...]:
        """Its own host and port, where the operator says that it is private. No tenant's address is allowed by that."""
        return place_of(self.url) if self.private else ()


def check_url(field: str, url: str, *, private: bool) -> None:
    """ValueError where the one way out would not go there."""
    try:
        parse_origin(split(url)[0], listed(place_of(url) if private else ()))
    except NotAllowed as error:
        remedy = "set private: true for a sink in your own network" if not private else error.remedy
        raise ValueError(f"{field} {error.message}; {remedy}") from None


def place_of(url: str) -> tuple[str, ...]:
    """Host and port, as a list of private targets has them; nothing where the URL is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ()
    return (f"{bracketed(parts.hostname or '')}:{port}",)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content: bytes | None  # None where it was longer than was asked for
    retry_after_s: float | None


class Post:
    """Requests of one sink, on connections that are kept until it is closed. For one thread."""

    def __init__(self, private_targets: Collection[str], seconds: float, tls: Tls) -> None:
        self._private_targets = private_targets
        self._times = Timeouts(seconds, seconds, seconds, seconds)
        self._tls = tls
        self._opened: tuple[asyncio.Runner, Egress] | None = None

    def __call__(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        content: bytes,
        *,
        method: str = "POST",
        most_bytes: int = 65_536,
    ) -> Reply:
        """An answer, whatever its status; Unavailable where there was none."""
        if self._opened is None:
            egress = Egress(self._private_targets, self._times, CLIENTS["wire"], context(self._tls))
            self._opened = asyncio.Runner(), egress
        runner, egress = self._opened
        return runner.run(_exchange(egress, method, url, headers, content, most_bytes))

    def close(self) -> None:
        if self._opened is not None:
            runner, egress = self._opened
            self._opened = None
            runner.run(egress.close())
            runner.close()


async def _exchange(
    egress: Egress,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    content: bytes,
    most_bytes: int,
) -> Reply:
    # The loop stood still since the last batch: let it notice connections that were closed.
    for _ in range(3):
        await asyncio.sleep(0)
    try:
        async with egress.open("sink", method, url, headers, content) as answer:
            try:
                found: bytes | None = await read_all(answer, most_bytes)
            except TooLarge:
                found = None
            return Reply(answer.status, found, _retry_after_s(answer.header("retry-after")))
    except EgressError as error:
        raise Unavailable(_words(error)) from None
    except ssl.SSLError as error:
        raise Unavailable(f"TLS: {error.reason}") from None


def _retry_after_s(given: str | None) -> float | None:
    """Seconds, or a date as HTTP writes it."""
    if given is None:
        return None
    if given.strip().isdecimal():
        return min(float(given), _LONGEST_WAIT_S)
    try:
        moment = datetime.strptime(given.strip(), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT_S)


def _words(error: EgressError) -> str:
    """Of an error, with the cause that TLS gives: an operator must be able to tell a wrong certificate from a closed port."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    if isinstance(error, TimedOut):
        return "did not answer in time"
    if isinstance(error, NotConnected):
        if isinstance(cause, TimeoutError):
            return "could not be reached in time"
        number = getattr(cause, "errno", None)
        return f"could not be reached: {os.strerror(number) if number else error}"
    return str(error) or type(error).__name__
