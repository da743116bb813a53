"""What an adapter of a provider does: where requests go and with which headers. It translates and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.context import Account
from proxy.formats.base import Format, Terms
from proxy.formats.chat_options import Options
from proxy.health import Trouble


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as the provider wants it."""

    url: str
    headers: list[tuple[str, str]]
    body: bytes


class Provider(Protocol):
    """One kind of account. `formats` are the endpoints that its servers speak themselves."""

    formats: Mapping[str, Format]
    dialect: str  # of its errors, see proxy.surfaces
    id_header: str  # in which it names a request

    def check(self, endpoint: str, body: Mapping[str, Any], terms: Terms) -> None:
        """Goes through `terms.cannot` for what this provider lacks of a format that it speaks."""
        ...

    def trouble(self, status: int, error: Mapping[str, Any]) -> Trouble | None:
        """Why it did not take a call, by its error object; None when the call itself is at fault."""
        ...

    def prepare(
        self,
        account: Account,
        endpoint: str,
        body: Mapping[str, Any],
        raw: bytes | None,
        terms: Terms,
        carried: Mapping[str, str],
    ) -> Prepared:
        """The request for one target. `raw` is sent as it came when nothing has to change.

        `carried` are the client's headers that a provider of the same format may see.
        """
        ...

    def counting(
        self, account: Account, body: Mapping[str, Any], carried: Mapping[str, str]
    ) -> Prepared | None:
        """The request that has a message's input counted; None where the provider does not count."""
        ...

    def listing(self, account: Account) -> Prepared:
        """The request (GET) for the models that the account may use. No provider charges for it."""
        ...

    def chat_options(self, model: str) -> Options:
        """How its chat completions differ for those who are translated to them."""
        ...

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Whether all output that will be charged shows in the stream as it is made."""
        ...


def trouble_of(status: int) -> Trouble | None:
    """What a status alone says, of any provider."""
    if status == 401:
        return Trouble.CREDENTIAL
    if status == 403:
        return Trouble.FORBIDDEN
    if status == 429:
        return Trouble.RATE_LIMITED
    if status in (503, 529):
        return Trouble.OVERLOADED
    return Trouble.SERVER if status >= 500 or status == 408 or status < 400 else None
