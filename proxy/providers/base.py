"""What an adapter does: request out, answer and events in, usage, errors. It translates and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy.context import Account, Usage


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as the provider wants it."""

    url: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Progress:
    """What a stream has shown so far."""

    usage: Usage | None = None
    finish_reason: str | None = None
    texts: list[str] = field(default_factory=list)
    text_size: int = 0
    text_dropped: int = 0  # characters beyond what is kept for counting
    done: bool = False
    failed: bool = False


class Adapter(Protocol):
    def prepare(
        self,
        account: Account,
        endpoint: str,
        body: dict[str, Any],
        raw: bytes,
        model: str,
        output_cap: int,
        stream: bool,
    ) -> Prepared:
        """The request for one target. `raw` is sent as it came when nothing has to change."""
        ...

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """The usage in a plain answer; None when there is none that makes sense."""
        ...

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None: ...

    def output_text(self, answer: Mapping[str, Any]) -> str:
        """What the model wrote, to be counted when the provider does not say."""
        ...

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        """Takes note of one event of a stream; returns what the client gets of it."""
        ...
