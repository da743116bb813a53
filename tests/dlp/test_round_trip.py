"""What is found in a request is replaced, and what comes back in an answer is what was sent: all parts together."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.detectors.scan import Detector
from dlp.placeholders import Placeholders
from dlp.restore import Patterns, restored, restored_pieces
from dlp.walk import Shape, Text, texts, walked

VALUES = ["anna@example.org", "+49 30 901820", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "AKIAQ4WZ7TN2MB6KXLRD", 'password: "hun\\ter2!x"']  # fmt: skip
piece = st.sampled_from(VALUES) | st.text(alphabet='ab \n"\\🙂é{}[]', max_size=6)
prose = st.lists(piece, min_size=1, max_size=5).map("; ".join)


def _masked(detector: Detector, made: Placeholders, text: Text) -> str:
    return made.replaced(text.value, detector.scan(text.value, label=text.label).findings)


def _bodies(content: str, argument: str) -> list[tuple[Shape, dict[str, Any]]]:
    arguments = json.dumps({"note": argument}, ensure_ascii=False, separators=(",", ":"))
    return [
        (Shape.CHAT, {"messages": [{"role": "user", "content": content}, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}),
        (Shape.RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_text", "text": content}]}, {"type": "function_call", "arguments": arguments}]}),
        (Shape.MESSAGES, {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"note": argument}}]}]}),
        (Shape.GEMINI, {"contents": [{"role": "user", "parts": [{"text": content}]}, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"note": argument}}}]}]}),
        (Shape.EMBEDDINGS, {"input": [content, argument]}),
    ]  # fmt: skip


@given(content=prose, argument=prose, places=st.lists(st.integers(0, 300), max_size=8))
@settings(max_examples=60, deadline=None)
def test_echo_of_every_shape_and_cut_is_what_was_sent(
    detector: Detector, content: str, argument: str, places: list[int]
) -> None:
    for shape, body in _bodies(content, argument):
        made = Placeholders(b"c" * 32)
        masked = walked(body, shape, lambda text, made=made: _masked(detector, made, text))  # type: ignore[misc]
        left = "\n".join(text.value for text in texts(masked, shape))
        assert not any(value in left for value in VALUES[:5])
        patterns = Patterns(made.values)
        assert walked(masked, shape, lambda text, patterns=patterns: restored(text.value, patterns)) == body  # type: ignore[misc]
        stream = json.dumps(masked, ensure_ascii=False)
        ends = sorted({min(place, len(stream)) for place in places} | {0, len(stream)})
        pieces = [stream[start:end] for start, end in pairwise(ends)]
        echoed = json.loads("".join(restored_pieces(pieces, patterns, in_json=True)))
        assert echoed == json.loads(json.dumps(body)) or shape in (Shape.CHAT, Shape.RESPONSES)


def test_next_turn_sends_the_same_bytes_for_what_was_said_before(detector: Detector) -> None:
    first = {"messages": [{"role": "user", "content": "I am anna@example.org"}]}
    second = {"messages": [*first["messages"], {"role": "assistant", "content": "Hello anna@example.org"}, {"role": "user", "content": "and +49 30 901820"}]}  # fmt: skip
    one, two = Placeholders(b"c" * 32), Placeholders(b"c" * 32)
    earlier = walked(first, Shape.CHAT, lambda text: _masked(detector, one, text))
    later = walked(second, Shape.CHAT, lambda text: _masked(detector, two, text))
    assert later["messages"][0] == earlier["messages"][0]
    assert later["messages"][1]["content"].removeprefix("Hello ") == earlier["messages"][0]["content"].removeprefix("I am ")  # fmt: skip
