"""What a model wrote gets its values back, however the text is cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.placeholders import Placeholders, Taken
from dlp.restore import Patterns, Restorer, restored, restored_pieces
from dlp.walk import Shape, texts, walked

VALUES = [
    "anna@example.org",
    'quote " and \\ back',
    "line\nbreak\ttab",
    "🙂 漢字",
    "[PERSON_X]",
    "\\n\\u0041",
    "x",
]
MADE = Placeholders(b"k" * 32)
MARKS = [MADE.standing_for(kind, value) for kind in ("EMAIL_ADDRESS", "NATIONAL_ID") for value in VALUES]
PATTERNS = Patterns(MADE.values)
MARK, VALUE = MARKS[0], VALUES[0]
CORE = MARK.strip("[]")

written = st.sampled_from(MARKS).flatmap(
    lambda mark: st.sampled_from([mark, mark.lower(), mark.strip("[]"), f"<{mark.strip('[]')}>", mark[:-3], mark[1:9], f"[{mark}]"])
)  # fmt: skip
noise = st.text(alphabet='[]<>{}()_EN nat\\"\n🙂ABCDEMAIL', max_size=6)
prose = st.lists(written | noise, max_size=8).map("".join)
cuts = st.lists(st.integers(0, 400), max_size=12)


def _pieces(text: str, places: list[int]) -> list[str]:
    ends = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(ends)] or [""]


@given(text=prose, places=cuts)
@settings(max_examples=200, deadline=None)
def test_any_cut_gives_the_same_as_the_whole(text: str, places: list[int]) -> None:
    for in_json in (False, True):
        whole = restored(text, PATTERNS, in_json=in_json)
        assert "".join(restored_pieces(_pieces(text, places), PATTERNS, in_json=in_json)) == whole
        assert "".join(restored_pieces(list(text), PATTERNS, in_json=in_json)) == whole


@given(parts=st.lists(st.sampled_from(VALUES) | st.text(max_size=5), max_size=8), places=cuts)
@settings(max_examples=100, deadline=None)
def test_what_was_tokenized_comes_back_identical(parts: list[str], places: list[int]) -> None:
    masked = " ".join(MARKS[VALUES.index(part)] if part in VALUES else part for part in parts)
    assert "".join(restored_pieces(_pieces(masked, places), PATTERNS)) == " ".join(parts)


json_values = st.recursive(
    st.sampled_from(VALUES) | st.integers(0, 99) | st.none() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return f"a {MARKS[VALUES.index(value)]}\n" if value in VALUES else value
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return {key: _masked(one) for key, one in value.items()} if isinstance(value, dict) else value


def _expected(value: Any) -> Any:
    if isinstance(value, str):
        return f"a {value}\n" if value in VALUES else value
    if isinstance(value, list):
        return [_expected(one) for one in value]
    return {key: _expected(one) for key, one in value.items()} if isinstance(value, dict) else value


@given(value=json_values, places=cuts, plain_ascii=st.booleans())
@settings(max_examples=150, deadline=None)
def test_streamed_arguments_come_back_identical_as_json(
    value: Any, places: list[int], plain_ascii: bool
) -> None:
    text = json.dumps(_masked(value), ensure_ascii=plain_ascii)
    streamed = "".join(restored_pieces(_pieces(text, places), PATTERNS, in_json=True))
    assert json.loads(streamed) == _expected(value)


@given(value=json_values)
@settings(max_examples=60, deadline=None)
def test_whole_arguments_are_restored_as_streamed_ones_are(value: Any) -> None:
    text = json.dumps({"v": _masked(value), MARK: 1})
    body = {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": text}}]}}]}
    made = walked(
        body, Shape.CHAT, lambda one: restored(one.value, PATTERNS, in_json=one.raw), raw_arguments=True
    )
    arguments = made["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert arguments == restored(text, PATTERNS, in_json=True)
    answer = {"content": [{"type": "tool_use", "input": json.loads(text)}]}
    made = walked(answer, Shape.MESSAGES, lambda one: restored(one.value, PATTERNS), raw_arguments=True)
    assert made["content"][0]["input"] == json.loads(arguments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MARK, VALUE),
        (MARK.lower(), VALUE),
        (CORE.title(), VALUE),
        (f"<{CORE}>", VALUE),
        (f"⟦{CORE}⟧", VALUE),
        (f"({CORE})", f"({VALUE})"),
        (f"[{MARK}]", f"[{VALUE}]"),
        (f"[{CORE} and", f"[{VALUE} and"),
        (f"{CORE}'s", f"{VALUE}'s"),
        (f"{CORE}Q", f"{CORE}Q"),
        (f"x{CORE}", f"x{CORE}"),
        (MARK[:-2], MARK[:-2]),
        ("[EMAIL_ADDRESS_BBBBBB]", "[EMAIL_ADDRESS_BBBBBB]"),
    ],
)
def test_case_and_brackets_may_differ_but_not_the_code(text: str, expected: str) -> None:
    assert restored(text, PATTERNS) == expected
    assert restored(f"Hi {text}, yes", PATTERNS) == f"Hi {expected}, yes"


def test_only_what_could_still_be_one_is_held_back() -> None:
    restorer = Restorer(PATTERNS)
    assert restorer.feed("Hello Eve, ") == "Hello Eve, "
    assert restorer.feed("see [EMAIL_ADDR") == "see "
    assert restorer.held == "[EMAIL_ADDR"
    assert restorer.feed("essays") == "[EMAIL_ADDRessays"
    assert restorer.feed(MARK[:-1]) == ""
    assert restorer.feed("]") == VALUE
    assert restorer.finish() == ""


def test_escape_in_json_begins_no_placeholder() -> None:
    national = next(mark for mark in MARKS if mark.startswith("[NATIONAL")).strip("[]").lower()
    assert restored(f'"\\{national}"', PATTERNS, in_json=True) == f'"\\{national}"'
    assert json.loads(restored(f'"\\n{national}"', PATTERNS, in_json=True)) == f"\n{VALUES[0]}"


def test_without_placeholders_nothing_is_held() -> None:
    assert restored_pieces(["[EMA", "IL"], Patterns({})) == ["[EMA", "IL", ""]


def test_request_masked_and_echoed_comes_back_identical() -> None:
    made = Placeholders(b"s" * 32)
    body = {"messages": [{"role": "user", "content": f"I am {VALUES[1]} or {VALUES[3]}"}]}

    def mask(value: str) -> str:
        for one in VALUES[:4]:
            value = value.replace(one, made.standing_for("PERSON", one, Taken(value)))
        return value

    masked = walked(body, Shape.CHAT, lambda text: mask(text.value))
    assert VALUES[1] not in texts(masked, Shape.CHAT)[0].value
    patterns = Patterns(made.values)
    assert walked(masked, Shape.CHAT, lambda text: restored(text.value, patterns)) == body
