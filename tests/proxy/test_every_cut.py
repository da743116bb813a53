"""The same stream, cut at every byte: the client gets the same bytes, and the call the same figures.

The relay itself runs, over pieces instead of a connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from faults.samples import Event, chat_events, messages_events
from proxy.attempts import Attempt
from proxy.channel import Channel
from proxy.formats.base import Format, Listener, Progress, Terms
from proxy.formats.chat import Chat
from proxy.formats.messages import Messages
from proxy.output import Output
from proxy.relay import End, Relay
from proxy.translation import TRANSLATIONS
from proxy.translation.backward import Backward
from proxy.translation.base import StreamBack
from proxy.translation.chat_to_messages.stream import ChatStream
from proxy.translation.messages_to_chat.names import Names
from proxy.translation.messages_to_chat.stream import MessagesStream
from proxy.translation.messages_to_chat.written import Written

MARK = b"\xef\xbb\xbf"


@dataclass
class Pieces:
    """An answer whose bytes have all come, in these pieces."""

    left: Iterator[bytes]
    status: int = 200

    def header(self, name: str) -> str | None:
        return None

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return {}

    async def read(self) -> bytes:
        return next(self.left, b"")

    async def hang_up(self) -> AsyncIterator[bytes]:
        for piece in self.left:
            yield piece


@dataclass
class Heard:
    out: bytes
    end: End

    @property
    def written(self) -> int:
        """Bytes that count as output."""
        return self.end.progress.output.size

    @property
    def rest(self) -> tuple[Any, ...]:
        """The other figures."""
        return *self.figures[:2], *self.figures[3:]

    @property
    def figures(self) -> tuple[Any, ...]:
        usage, progress = self.end.progress.usage, self.end.progress
        counted = (
            None
            if usage is None
            else (usage.input_tokens, usage.output_tokens, usage.cached, usage.reasoning)
        )
        return counted, progress.finish_reason, progress.output.size, self.end.status, progress.done


def heard(listener: Listener, pieces: Sequence[bytes], *, wants_usage: bool = True) -> Heard:
    call: Any = SimpleNamespace(
        terms=Terms("m", 100, wants_usage=wants_usage), request=SimpleNamespace(started=0.0)
    )
    channel = Channel(1.0, most_bytes=10**9)
    relay = Relay(
        call, listener, Attempt("a", "m", "x"), Pieces(iter(pieces)), Progress(Output("m")), lambda _: None, channel
    )  # fmt: skip
    steps = relay.run()
    try:
        steps.send(None)
    except StopIteration as done:
        end = cast("End", done.value)
    else:
        raise AssertionError("it waited for something")
    return Heard(b"".join(channel.pieces) + end.last, end)


def data(event: Event) -> bytes:
    return event if isinstance(event, bytes) else orjson.dumps(event)


@dataclass
class Dress:
    """How events are written. `end` is a line's."""

    end: bytes = b"\n"
    comments: bool = False
    mark: bytes = b""
    lines: bool = False  # JSON laid out in several data lines
    space: bytes = b" "
    more: list[bytes] = field(default_factory=list)  # other fields of each event

    def write(self, events: Sequence[Event]) -> bytes:
        return self.mark + b"".join(map(self._event, events))

    def _event(self, event: Event) -> bytes:
        lines = [b": note, not an event"] if self.comments else []
        if isinstance(event, dict) and "type" in event:
            lines.append(b"event:%b%b" % (self.space, event["type"].encode()))
        spread = (
            orjson.dumps(event, option=orjson.OPT_INDENT_2)
            if self.lines and isinstance(event, dict)
            else data(event)
        )
        lines += [b"data:%b%b" % (self.space, line) for line in spread.split(b"\n")]
        return self.end.join([*lines, *self.more]) + 2 * self.end


DRESSES = {
    "lf": Dress(),
    "crlf": Dress(b"\r\n"),
    "cr": Dress(b"\r"),
    "mark": Dress(mark=MARK, space=b""),
    "comments crlf": Dress(b"\r\n", comments=True),
    "lines": Dress(lines=True),
    "other fields cr": Dress(b"\r", mark=MARK, more=[b"id: 7", b"retry: 1000", b"unknown", b":"]),
}
FORMATS: dict[str, tuple[Callable[[], Format], Callable[[], list[Event]]]] = {
    "messages": (Messages, messages_events),
    "chat/completions": (Chat, chat_events),
}


def chat_back() -> StreamBack:
    return ChatStream(model="m", older=False, wants_usage=True, created=0)


def messages_back() -> StreamBack:
    return MessagesStream("seed", "m", Written("seed", Names(), show_thinking=True))


BACK = {"messages": ("chat/completions", chat_back), "chat/completions": ("messages", messages_back)}


def listener_of(spoken: str, *, translated: bool) -> Listener:
    made = FORMATS[spoken][0]()
    if not translated:
        return made
    asked, back = BACK[spoken]
    return Backward(made, back(), asked)


def test_both_directions_are_cut_here() -> None:
    """Of the two between chat and messages; how responses are cut together is shown with their translation."""
    others = {pair for pair in TRANSLATIONS if pair[0] != "responses"}
    assert {(asked, spoken) for spoken, (asked, _) in BACK.items()} == others


EXPECTED_USAGE = {"messages": (16, 23, 4, None), "chat/completions": (16, 23, 4, 3)}
# what is translated depends on the events alone, of which the others show that they are the same
CUT = [(dress, spoken, False) for dress in DRESSES for spoken in FORMATS]
CUT += [(dress, spoken, True) for dress in ("lf", "crlf", "lines") for spoken in FORMATS]


def test_there_are_enough_cuts() -> None:
    assert sum(len(DRESSES[dress].write(FORMATS[spoken][1]())) + 1 for dress, spoken, _ in CUT) >= 20_000


@pytest.mark.parametrize(("dress", "spoken", "translated"), CUT)
def test_same_bytes_and_figures_at_every_cut(dress: str, spoken: str, translated: bool) -> None:
    events = FORMATS[spoken][1]()
    whole = DRESSES[dress].write(events)
    reference = heard(listener_of(spoken, translated=translated), [Dress().write(events)])
    usage, _, _, status, done = reference.figures
    assert (usage, status, done) == (EXPECTED_USAGE[spoken], "settled", True)
    expected = reference.out if translated else whole.removeprefix(MARK)
    for at in range(len(whole) + 1):
        pieces = [one for one in (whole[:at], whole[at:]) if one]
        found = heard(listener_of(spoken, translated=translated), pieces)
        assert found.out == expected, at
        assert found.figures == reference.figures, at


@pytest.mark.parametrize("translated", [False, True], ids=["native", "translated"])
@pytest.mark.parametrize("spoken", FORMATS)
@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_same_in_pieces_of_any_size(dress: str, spoken: str, translated: bool, size: int) -> None:
    whole = DRESSES[dress].write(FORMATS[spoken][1]())
    expected = heard(listener_of(spoken, translated=translated), [whole])
    found = heard(
        listener_of(spoken, translated=translated),
        [whole[at : at + size] for at in range(0, len(whole), size)],
    )
    assert (found.out, found.figures) == (expected.out, expected.figures)


@pytest.mark.parametrize("translated", [False, True], ids=["native", "translated"])
@pytest.mark.parametrize("spoken", FORMATS)
def test_what_follows_the_end_counts_for_nothing_at_any_cut(spoken: str, translated: bool) -> None:
    """Neither its text nor its usage, though it may be in the same piece."""
    events = FORMATS[spoken][1]()
    whole, lie = Dress().write(events), Dress().write(events[-4:-1])
    expected = heard(listener_of(spoken, translated=translated), [whole])
    for at in range(len(whole) - 40, len(whole + lie) + 1):
        pieces = [one for one in ((whole + lie)[:at], (whole + lie)[at:]) if one]
        found = heard(listener_of(spoken, translated=translated), pieces)
        assert (found.out, found.figures) == (expected.out, expected.figures), at


ERRORS: dict[str, Event] = {
    "messages": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    "chat/completions": {"error": {"message": "Overloaded", "type": "server_error"}},
}


@pytest.mark.parametrize("translated", [False, True], ids=["native", "translated"])
@pytest.mark.parametrize("spoken", FORMATS)
def test_error_event_ends_the_stream_at_any_cut_and_its_words_are_no_output(
    spoken: str, translated: bool
) -> None:
    events = FORMATS[spoken][1]()
    before = Dress().write(events[:4])
    whole = before + Dress().write([ERRORS[spoken], *events[4:]])
    # what came before it, as if the provider had closed there
    expected = heard(listener_of(spoken, translated=translated), [before])
    for at in range(len(whole) + 1):
        pieces = [one for one in (whole[:at], whole[at:]) if one]
        found = heard(listener_of(spoken, translated=translated), pieces)
        assert found.end.status == "provider_failed"
        assert b"Overloaded" not in found.out
        assert found.end.progress.output.size == expected.end.progress.output.size
        if spoken != "chat/completions" or translated:  # native chat that just closes has ended well
            assert found.out == expected.out


@pytest.mark.parametrize("spoken", FORMATS)
def test_client_that_did_not_ask_for_usage_gets_none_at_any_cut(spoken: str) -> None:
    whole = Dress(b"\r\n").write(FORMATS[spoken][1]())
    expected = heard(listener_of(spoken, translated=False), [whole], wants_usage=False)
    assert b"prompt_tokens" not in expected.out
    for at in range(len(whole) + 1):
        pieces = [one for one in (whole[:at], whole[at:]) if one]
        found = heard(listener_of(spoken, translated=False), pieces, wants_usage=False)
        assert (found.out, found.figures) == (expected.out, expected.figures)
        assert found.figures[0] == EXPECTED_USAGE[spoken]


@pytest.mark.parametrize("translated", [False, True], ids=["native", "translated"])
@pytest.mark.parametrize("spoken", FORMATS)
@pytest.mark.parametrize(
    "odd", [b"\x00", b"data: \x00\n\n", b"data: {\"a\":\"\x00\"}\n\n", b"data: \xff\xfe\n\n", b"data: [1]\n\n", b"data: 7\n\n"]
)  # fmt: skip
def test_bytes_that_are_no_event_hurt_nothing_and_count(spoken: str, translated: bool, odd: bytes) -> None:
    events = FORMATS[spoken][1]()
    first, rest = Dress().write(events[:3]), Dress().write(events[3:])
    clean = heard(listener_of(spoken, translated=translated), [first + rest])
    whole = first + (odd if odd.endswith(b"\n\n") else odd + b"\n\n") + rest
    for at in range(len(first) - 2, len(first) + len(odd) + 4):
        pieces = [one for one in (whole[:at], whole[at:]) if one]
        found = heard(listener_of(spoken, translated=translated), pieces)
        assert found.rest == clean.rest
        assert found.written >= clean.written + len(odd.removeprefix(b"data: ").strip()) * (odd != b"\x00")
        assert found.out == (clean.out if translated else whole)


@pytest.mark.parametrize("translated", [False, True], ids=["native", "translated"])
@pytest.mark.parametrize("spoken", FORMATS)
@pytest.mark.parametrize("start", [b": ", b"data: ", b"x"])
def test_line_without_end_is_a_clean_error_that_keeps_what_came(
    spoken: str, translated: bool, start: bytes
) -> None:
    first = Dress().write(FORMATS[spoken][1]()[:4])
    piece = b"x" * 65_536
    expected = heard(listener_of(spoken, translated=translated), [first])
    found = heard(listener_of(spoken, translated=translated), [first + start, *[piece] * 160])
    assert found.end.error is not None
    assert (found.end.status, found.end.error.code) == ("provider_failed", "upstream_error")
    assert found.out == expected.out
    assert found.end.progress.output.size == expected.end.progress.output.size
