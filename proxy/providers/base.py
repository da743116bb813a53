"""What an adapter does: request out, answer and events in, usage, errors. It translates and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.context import Account, Usage
from proxy.output import Output


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as the provider wants it."""

    url: str
    headers: list[tuple[str, str]]
    body: bytes


class Unreadable(ValueError):
    """A stream that cannot be what it says it is."""


class Assembly(Protocol):
    """A plain answer that is put together from the chunks of a stream."""

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Unreadable when there is more of something than any provider sends."""
        ...

    @property
    def empty(self) -> bool: ...

    def answer(self, usage: Mapping[str, Any] | None) -> dict[str, Any]:
        """The plain answer as far as it came; choices that were not finished end with `length`."""
        ...


@dataclass(slots=True)
class Progress:
    """What a stream has shown so far."""

    output: Output
    usage: Usage | None = None
    finish_reason: str | None = None
    chunk: Mapping[str, Any] | None = None  # what the last event held
    assembly: Assembly | None = None  # only for a client that asked for a plain answer
    done: bool = False
    failed: bool = False

    @property
    def complete(self) -> bool:
        """Whether all that was to be written has come, and the usage with it if there is any."""
        return self.done or self.finish_reason is not None


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

    def shows_output(self, model: str, body: Mapping[str, Any]) -> bool:
        """Whether all output that will be charged shows in the stream as it is made."""
        ...

    def assembly(self) -> Assembly: ...

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        """Takes note of one event of a stream; returns what the client gets of it."""
        ...
