"""What every outbound client offers to `orbit.lib.egress`, and how an exchange can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class EgressError(Exception):
    """The other side was not reached or broke off. `worked` says whether it may have done anything."""

    worked = True


class NotAllowed(EgressError):
    """The address may not be reached from here. `remedy` says what may be written instead, if anything."""

    worked = False

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class NotConnected(EgressError):
    worked = False


class TimedOut(EgressError):
    pass


class Broken(EgressError):
    """The connection ended before the answer did."""


class TooLarge(EgressError):
    """The answer is longer than we take."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one exchange may take: to connect (TLS included), to the answer's head, between pieces, in all."""

    connect_s: float
    first_byte_s: float
    idle_s: float
    total_s: float | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A vetted place: the addresses that the connection may go to, best first, and under which name."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


class Answer(Protocol):
    """An answer whose head is here; `read` gives the next piece as it arrives, b"" at the end."""

    status: int

    def header(self, name: str) -> str | None: ...

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        """Those of these (lower-case) headers that came."""
        ...

    async def read(self) -> bytes: ...

    def hang_up(self) -> AsyncIterator[bytes]:
        """Tells the other side to stop; gives what it had sent by then and was not read."""
        ...


class Pool(Protocol):
    """Connections to one destination for one account. `path` is what the request line holds, query included."""

    def open(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Answer]: ...

    async def close(self) -> None: ...


def encoded(content_encoding: str | None, transfer_encoding: str | None) -> Broken | None:
    """We ask for plain bytes and decode nothing: an answer that is packed all the same is not read."""
    if content_encoding is not None and content_encoding.strip().lower() not in ("", "identity"):
        return Broken("the answer is encoded, which was not asked for")
    if transfer_encoding is not None and transfer_encoding.strip().lower() != "chunked":
        return Broken("the answer is transferred in a coding other than chunked")
    return None
