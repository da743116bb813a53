"""What a translation between two wire formats does, for one call: request there, answer and events back. No I/O.

Formats are named by their endpoint: chat/completions, messages, responses. All values are parsed JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from proxy.formats.base import Terms


class StreamBack(Protocol):
    """The provider's stream as the client's: events in, events out, in order."""

    def feed(self, chunk: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The client's events that follow from one event of the provider; often none.

        The provider's word is not trusted: what makes no sense is passed over, or proxy.formats.base.Unreadable.
        """
        ...

    def end(self) -> list[dict[str, Any]]:
        """The last events, once the provider has said all: finish reason and usage are in them.

        The format's own end mark (such as [DONE]) is not. Not called for a stream that broke off.
        """
        ...


class Translated(Protocol):
    """One call in the provider's format."""

    body: dict[str, Any]

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The provider's plain answer in the client's format. Unreadable when it is none."""
        ...

    def stream(self) -> StreamBack: ...


# The client's body, checked for what its own format demands (see proxy.checks), and what is settled about the call.
# Raises OrbitError INVALID_REQUEST with `param` through `terms.cannot` for what has no counterpart.
Translate = Callable[[Mapping[str, Any], Terms], Translated]
