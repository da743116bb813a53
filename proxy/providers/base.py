"""What an adapter of a provider does: where requests go and with which headers. It translates and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.context import Account
from proxy.formats.base import Format, Terms


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as the provider wants it."""

    url: str
    headers: list[tuple[str, str]]
    body: bytes


class Provider(Protocol):
    """One kind of account. `formats` are the endpoints that its servers speak themselves."""

    formats: Mapping[str, Format]

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

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Whether all output that will be charged shows in the stream as it is made."""
        ...
