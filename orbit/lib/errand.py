"""The way out for synchronous code: one exchange, by the rules of `orbit.lib.egress`, on connections of its own.

It is slow (TLS is set up each time) and meant for what happens once in a while, such as a sign-in. No database
connection should be kept meanwhile. What it is given is a whole answer or an EgressError.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from orbit.lib.egress import CLIENTS, Egress, read_all
from orbit.lib.exchange import Timeouts


@dataclass(frozen=True, slots=True)
class Fetched:
    """`headers` are those that were asked for, by lower-case name, so far as they came."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    private_targets: Collection[str],
    seconds: float,
    most_bytes: int,
    wanted: Sequence[str] = (),
) -> Fetched:
    """`seconds` is for the whole exchange; only a name server that does not answer may hold it up for longer."""
    return asyncio.run(_fetch(method, url, headers, body, private_targets, seconds, most_bytes, wanted))


async def _fetch(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    private_targets: Collection[str],
    seconds: float,
    most_bytes: int,
    wanted: Sequence[str],
) -> Fetched:
    times = Timeouts(seconds, seconds, seconds, seconds)
    egress = Egress(private_targets, times, CLIENTS["wire"], _tls())
    try:
        async with egress.open("errand", method, url, headers, body) as answer:
            content = await read_all(answer, most_bytes)
            return Fetched(answer.status, content, answer.headers(wanted))
    finally:
        await egress.close()


@cache
def _tls() -> ssl.SSLContext:
    """A megabyte and some milliseconds: made once."""
    return ssl.create_default_context()
