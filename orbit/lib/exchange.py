"""What every outbound client offers to `orbit.lib.egress`, and how an exchange can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class EgressError(Exception):
    """The other side was not reached or broke off. `worked` says whether it may have done anything."""

    worked = True


class NotAllowed(EgressError):
    """The address may not be reached from here."""

    worked = False


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
    connect_s: float
    first_byte_s: float
    idle_s: float
    total_s: float | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A vetted place: where the connection goes, and under which name."""

    scheme: str
    host: str
    port: int
    address: str

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

    async def read(self) -> bytes: ...

    def hang_up(self) -> AsyncIterator[bytes]:
        """Tells the other side to stop; gives what it had sent by then and was not read."""
        ...


class Pool(Protocol):
    """Connections to one destination for one account."""

    def open(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, first_byte_s: float
    ) -> AbstractAsyncContextManager[Answer]: ...

    async def close(self) -> None: ...
