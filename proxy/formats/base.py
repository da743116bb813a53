"""What a wire format knows: how its requests are capped, and how its answers and events are read. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from orbit.lib import numbers
from orbit.lib.errors import Code, OrbitError
from proxy.context import Usage
from proxy.formats.chat_options import USUAL, Options
from proxy.output import Output
from quotas.needs import Made
from tenants.untranslatable import REFUSING, Dropping

MOST_DROPPED = 100  # fields that are told of
MOST_EVENTS = 2**53  # beyond which a provider's own count is none


class Unreadable(ValueError):
    """A stream that cannot be what it says it is."""


@dataclass(slots=True)
class Terms:
    """What is settled about a call before its body is written for one target.

    `drop` says what may be left out where the target's format has no words for it; what was is in `dropped`.
    """

    model: str
    output_cap: int  # of one choice: so much is reserved, and the provider is told
    stream: bool = False  # whether the provider is asked for a stream
    wants_usage: bool = False  # whether the client asked for usage in a stream of chat completions
    drop: Dropping = REFUSING
    dropped: list[str] = field(default_factory=list)
    chat: Options = USUAL  # how the target's chat completions differ, for translations to them

    def cannot(self, path: str, why: str) -> None:
        """`path` has no counterpart: INVALID_REQUEST that names it, or noted where it may be left out."""
        if not self.drop.allows(path):
            raise OrbitError(
                Code.INVALID_REQUEST,
                f"{path!r} cannot be sent to the provider of this model: {why}. Leave it out, or use a model of "
                "another provider.",
                param=path,
            )
        self.drops(path)

    def drops(self, path: str) -> None:
        """Notes what is left out."""
        if len(self.dropped) < MOST_DROPPED and path not in self.dropped:
            self.dropped.append(path)


def parsed_object(content: bytes | None) -> dict[str, Any] | None:
    """None for what is no JSON object."""
    if content is None:
        return None
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def encoded(value: Any) -> bytes:
    """What a provider said, as JSON again. Unreadable where it is too deep for that: more can be read than written."""
    try:
        return numbers.write(value)
    except orjson.JSONEncodeError:
        raise Unreadable("a value that cannot be written again") from None


def strings_in(value: Any) -> Iterator[str]:
    """All texts in a value, however deep, in order; without the names of kinds of parts."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            waiting += [item for name, item in reversed(one.items()) if name != "type"]


def json_texts(value: Mapping[str, Any]) -> Iterator[str]:
    """What a model wrote as JSON, to be counted however deep it is."""
    try:
        yield encoded(value).decode()
    except Unreadable:
        yield from strings_in(value)


class Assembly(Protocol):
    """A plain answer that is put together from the events of a stream."""

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Unreadable when there is more of something than any provider sends."""
        ...

    @property
    def empty(self) -> bool: ...

    def answer(self, usage: Mapping[str, Any] | None) -> dict[str, Any]:
        """The plain answer as far as it came; what was not finished ends as if its maximum had cut it."""
        ...


@dataclass(slots=True)
class Progress:
    """What a stream has shown so far."""

    output: Output
    usage: Usage | None = None
    finish_reason: str | None = None
    chunk: Mapping[str, Any] | None = None  # what the last event held
    figures: Mapping[str, Any] = field(
        default_factory=dict
    )  # what was said of the usage, where it comes in parts
    made: Made | None = None  # of a stream that is no text: what was seen of the work done
    choices: int = 1  # that were asked for
    ended: int = 0  # of them, in formats whose streams tell
    early: bool = False  # whether `usage` is only what was known before anything was written
    assembly: Assembly | None = None  # only for a client that asked for a plain answer
    named: dict[str, str] = field(default_factory=dict)  # ids of what the provider keeps, and their kinds
    unkept: dict[str, str] = field(default_factory=dict)  # those of them whose owner is not written down yet
    passed: int = 0  # events, as the format numbers them where it does
    done: bool = False
    failed: bool = False

    def passes(self, event: Mapping[str, Any]) -> None:
        number = event.get("sequence_number")
        if not isinstance(number, int) or not 0 <= number < MOST_EVENTS:
            number = self.passed
        self.passed = number + 1

    @property
    def over(self) -> bool:
        """Whether the provider has ended its answer, well or not."""
        return self.done or self.failed

    @property
    def complete(self) -> bool:
        """Whether all that was to be written has come, and the usage with it if there is any."""
        return self.done or self.finish_reason is not None


def note_unread(data: bytes | None, progress: Progress) -> None:
    """An event that is no JSON object reaches the client as it is, and may say anything: all of it counts as written."""
    if data and data != b"[DONE]":
        progress.output.add(data.decode("utf-8", "replace"))


class Listener(Protocol):
    """Hears a provider's stream, event by event."""

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        """Takes note of one event; returns what the client gets of it."""
        ...

    def on_end(self, progress: Progress) -> bytes:
        """The provider closed the connection; `progress.failed` is set where that is no way to end."""
        ...


class Format(Listener, Protocol):
    """Requests, answers and events of one endpoint, as one vendor's servers speak it."""

    def changes(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        """The top-level fields that must differ from the client's body; empty when it can travel as it came."""
        ...

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """The usage in a plain answer; None when there is none that makes sense."""
        ...

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None: ...

    def output_text(self, answer: Mapping[str, Any]) -> str:
        """What the model wrote, to be counted when the provider does not say."""
        ...

    def assembly(self) -> Assembly | None:
        """None for a format whose plain answers are never made out of streams."""
        ...

    def raw_usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        """A usage object of these totals, as the format writes it."""
        ...
