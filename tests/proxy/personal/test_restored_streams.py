"""Streamed answers and tool calls, however they are cut, have the values back that their placeholders stand for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.placeholders import Placeholders
from proxy.personal.answers import Rewriter
from proxy.personal.streams import STREAMS
from proxy.personal.ways import Restoring
from tests.proxy.personal.streams import (
    FORMATS,
    arguments_of,
    cut,
    events,
    packed,
    read,
    reasons,
    text_of,
    through,
    written,
)

VALUES = ["anna@example.org", 'say "hi"', "back\\slash\\n", "two\nlines", "🙂 é €", "[brackets]", "{a: 1}"]
places = st.lists(st.integers(0, 400), max_size=8)
prose = st.lists(
    st.sampled_from(VALUES) | st.text(alphabet='ab \n"\\🙂é{}[]_', max_size=6), min_size=1, max_size=5
)


def tokenized(parts: list[str]) -> tuple[str, str, Placeholders]:
    """A text, the same with placeholders, and what they stand for."""
    made = Placeholders(b"c" * 32)
    said = [made.standing_for("VALUE", one) if one in VALUES else one for one in parts]
    return "; ".join(parts), "; ".join(said), made


@pytest.mark.parametrize("spoken", FORMATS)
@given(
    parts=prose,
    given_parts=prose,
    texts=places,
    arguments=places,
    cuts=st.lists(st.integers(0, 4000), max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_any_cut_gives_what_was_sent(
    spoken: str, parts: list[str], given_parts: list[str], texts: list[int], arguments: list[int], cuts: list[int]
) -> None:  # fmt: skip
    said, masked, made = tokenized([*parts, *given_parts])
    stream = written(spoken, events(spoken, cut(masked, texts), cut(packed(masked), arguments)))
    out = read(through(Restoring(made.values), spoken, cut(stream, cuts)))
    assert text_of(out) == said
    if spoken != "completions":
        assert json.loads(arguments_of(out)) == json.loads(packed(said))
    whole = [event for event in out if event.get("type") == "response.completed"]
    for event in whole:
        message, call = event["response"]["output"]
        assert message["content"][0]["text"] == said
        assert json.loads(call["arguments"]) == json.loads(packed(said))
    numbers = [event["sequence_number"] for event in out if "sequence_number" in event]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("spoken", FORMATS)
def test_stream_without_a_placeholder_travels_byte_for_byte(spoken: str) -> None:
    stream = written(spoken, events(spoken, ["Hello ", "there."], ['{"a":', ' "b"}'])) + b": comment\n\n"
    made = Placeholders(b"c" * 32)
    made.standing_for("EMAIL_ADDRESS", "anna@example.org")
    assert through(Restoring(made.values), spoken, [stream]) == stream


@pytest.mark.parametrize("spoken", FORMATS)
def test_only_what_could_be_a_placeholder_waits(spoken: str) -> None:
    made = Placeholders(b"c" * 32)
    made.standing_for("EMAIL_ADDRESS", "anna@example.org")
    stream = written(spoken, events(spoken, ["Dear sir, [EMAIL"], []))
    end = stream.index(b"\n\n", stream.index(b"Dear sir")) + 2
    assert b'"Dear sir, "' in Rewriter(STREAMS[spoken](Restoring(made.values))).feed(stream[:end])


@pytest.mark.parametrize("spoken", FORMATS)
def test_what_waits_when_a_stream_breaks_off_is_given(spoken: str) -> None:
    made = Placeholders(b"c" * 32)
    half = made.standing_for("EMAIL_ADDRESS", "anna@example.org")[:-3]
    begun = [
        one for one in events(spoken, [half], []) if half in str(one) or one.get("type") == "message_start"
    ][:2]
    assert text_of(read(through(Restoring(made.values), spoken, [written(spoken, begun)]))) == half
    assert reasons(begun) == []


def test_signed_thinking_stays_as_it_is() -> None:
    made = Placeholders(b"c" * 32)
    core = made.standing_for("EMAIL_ADDRESS", "anna@example.org")
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": core}}
    stream = written("messages", [event])
    assert through(Restoring(made.values), "messages", [stream]) == stream
