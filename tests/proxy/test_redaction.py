"""What redaction leaves of requests and answers: structure and lengths, no word of what was said."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.redaction import redacted

WORDS = "Wanda owes 4711"


def mark(text: bytes) -> str:
    return f"#{len(text)}"


def of(value: Any) -> Any:
    return orjson.loads(redacted(orjson.dumps(value), mark))


GONE = "[redacted 15 characters, #15]"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            {"messages": [{"role": "user", "content": WORDS}]},
            {"messages": [{"role": "user", "content": GONE}]},
        ),
        (
            {"content": [{"type": "text", "text": WORDS}, {"type": "thinking", "thinking": WORDS}]},
            {"content": [{"type": "text", "text": GONE}, {"type": "thinking", "thinking": GONE}]},
        ),
        ({"model": "gpt-4o", "temperature": 0.5, "n": 2}, {"model": "gpt-4o", "temperature": 0.5, "n": 2}),
        ({"usage": {"prompt_tokens": 7}}, {"usage": {"prompt_tokens": 7}}),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
                ]
            },
            {
                "tools": [
                    {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
                ]
            },
        ),
        ({"role": "user", "name": "wanda"}, {"role": "user", "name": "[redacted 5 characters, #5]"}),
        ({"role": WORDS}, {"role": GONE}),  # no word of any vocabulary
        ({"a field of mine": 1}, {"[redacted 15 characters, #15]": 1}),
        ({"stop": None, "stream": True}, {"stop": None, "stream": True}),
    ],
)
def test_texts_are_replaced_and_structure_stays(said: Any, left: Any) -> None:
    assert of(said) == left


@pytest.mark.parametrize(
    "said",
    [
        {"input": [1, 2, 3]},  # tokens
        {"prompt": [[1, 2], [3]]},
        {"data": [{"embedding": [0.25, -0.5]}]},  # a vector of what was said
        {"metadata": {"Wanda": 4711}},
        {"type": "tool_use", "name": "pay", "input": {"Wanda": 4711}},
        {"function": {"name": "pay", "arguments": '{"Wanda": 4711}'}},
        {"logprobs": {"content": [{"token": "Wanda", "bytes": [87]}]}},
    ],
)
def test_figures_that_say_what_words_say_are_replaced(said: dict[str, Any]) -> None:
    left = redacted(orjson.dumps(said), mark)
    assert b"[redacted" in left
    for secret in (b"Wanda", b"4711", b"0.25", b"[1,", b"87"):
        assert secret not in left, left


@pytest.mark.parametrize("said", [b"not json: Wanda", b"\x00\xff", b'{"cut": "Wan', b"", b"[" * 5000])
def test_what_is_no_json_is_one_text(said: bytes) -> None:
    assert redacted(said, mark).startswith(b'"[redacted ')


def test_nothing_that_nests_deep_comes_through() -> None:
    left = redacted(b'{"a":' * 900 + b'"Wanda"' + b"}" * 900, mark)
    assert b"Wanda" not in left
