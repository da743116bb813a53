"""What a translated request and its answer say where something was left out, empty, or broken."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from orbit.lib.errors import Code, OrbitError
from proxy.translation.responses_to_chat.request import NEEDLESS, REFUSED, TRANSLATED
from proxy.translation.responses_to_chat.thoughts import sealed
from tenants.untranslatable import Dropping
from tests.proxy.translation.responses_to_chat_cases import (
    CALL,
    CUSTOM,
    CUSTOM_CALL,
    CUSTOM_RESULT,
    FUNCTION,
    HI,
    RESULT,
    ask,
    fixture,
    fixtures,
    takes,
    translate,
)

SEALED = sealed([{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}])
ANSWER = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}
EVERYTHING = Dropping((None,))
SEARCH = {"type": "web_search"}


def told(**fields: Any) -> dict[str, Any]:
    """What a response says of its request, of which anything may be left out."""
    made = translate(ask(**fields), drop=EVERYTHING)
    plain = made.answer(ANSWER)
    stream = made.stream()
    begun = stream.feed({"choices": [{"index": 0, "delta": {"content": "Hi"}}]})[0]["response"]
    assert {name: begun[name] for name in fields} == {name: plain[name] for name in fields}
    return plain


def test_response_does_not_repeat_tools_that_were_left_out() -> None:
    tools = [SEARCH, FUNCTION, {"type": "file_search"}, CUSTOM, SEARCH]
    assert told(tools=tools)["tools"] == [FUNCTION, CUSTOM]
    assert told(tools=[SEARCH])["tools"] == []
    assert tools[0] is SEARCH  # the request itself is as it was


def test_response_does_not_repeat_what_was_left_out_inside_of_fields() -> None:
    late = {**FUNCTION, "defer_loading": True, "allowed_callers": ["code"]}
    assert told(tools=[SEARCH, late])["tools"] == [FUNCTION]
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [SEARCH, {"type": "function", "name": "f"}]}
    said = told(tools=[FUNCTION], tool_choice=allowed)["tool_choice"]
    assert said["tools"] == [{"type": "function", "name": "f"}]
    assert told(reasoning={"effort": "low", "summary": "auto", "odd": 1})["reasoning"]["effort"] == "low"
    assert "odd" not in told(reasoning={"effort": "low", "odd": 1})["reasoning"]


@pytest.mark.parametrize("name", ["a.b", "[0]", "]", ".", "a[0].b", "0", ""])
def test_names_that_look_like_paths_take_nothing_else_away(name: str) -> None:
    said = told(tools=[{**FUNCTION, name: 1}, CUSTOM])["tools"]
    assert [tool["name"] for tool in said] == ["f", "c"]


def test_values_that_ask_for_what_happens_anyway_are_taken() -> None:
    harmless = {name: values[0] for name, (_, values) in REFUSED.items() if values}
    made = translate(
        ask(**harmless, include=[], metadata={"a": "b"}, max_tool_calls=3, client_metadata={"x": "y"})
    )
    assert made.body == translate(ask()).body


def test_a_null_is_as_good_as_absent() -> None:
    every = dict.fromkeys(sorted(TRANSLATED | NEEDLESS | REFUSED.keys() - {"model", "input"}), None)
    assert translate({**every, **ask()}).body == translate(ask()).body


def test_choice_and_parallelism_are_left_out_where_there_are_no_tools() -> None:
    made = translate(ask(tools=[], tool_choice="none", parallel_tool_calls=True))
    assert made.body == translate(ask()).body


def test_what_the_model_wrote_without_a_break_is_one_message() -> None:
    """Servers demand that results follow right behind their calls."""
    late = {"role": "assistant", "content": [{"type": "output_text", "text": "Wait."}]}
    made = translate(
        ask(input=[HI, CALL, late, CUSTOM_CALL, RESULT, CUSTOM_RESULT], tools=[FUNCTION, CUSTOM])
    )
    assert [one["role"] for one in made.body["messages"]] == ["user", "assistant", "tool", "tool"]
    turn = made.body["messages"][1]
    assert turn["content"] == "Wait."
    assert [call["id"] for call in turn["tool_calls"]] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    "content",
    ["orbit-1.", "orbit-1.!!", "orbit-1.bnVsbA==", "orbit-1.eyJ0aGlua2luZ19ibG9ja3MiOlsxXX0=", "else", None],
)
def test_reasoning_of_others_is_left_out_and_listed_but_never_refused(content: str | None) -> None:
    reasoning: dict[str, Any] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": content,
    }
    made = translate(
        takes(reasoning, CALL, RESULT, reasoning),
        beyond={"thinking_blocks": True, "reasoning_field": "reasoning"},
    )
    assert made.terms.dropped == ["input.reasoning"]
    assert made.body == translate(takes(CALL, RESULT)).body


def test_thoughts_that_nothing_followed_are_left_out_and_listed() -> None:
    """As of a model that was stopped before it said anything."""
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEALED}
    made = translate(takes(thought, HI), beyond={"thinking_blocks": True})
    assert [one["role"] for one in made.body["messages"]] == ["user", "user"]
    assert made.terms.dropped == ["input.reasoning"]


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1.5,
    "",
    "a",
    "auto",
    "function",
    "custom",
    "message",
    "reasoning",
    [],
    {},
    [[]],
    [{}],
]


def broken(dice: random.Random, value: Any) -> Any:
    """The value with some of what is in it replaced or gone."""
    if dice.random() < 0.06:
        return dice.choice(VALUES)
    if isinstance(value, dict):
        return {name: broken(dice, one) for name, one in value.items() if dice.random() > 0.03}
    return [broken(dice, one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("drop", [Dropping(), Dropping((None,))], ids=["refusing", "dropping"])
@pytest.mark.parametrize("name", fixtures("requests"))
def test_broken_request_is_translated_or_refused_by_name(name: str, drop: Dropping) -> None:
    dice = random.Random(name)
    sound = fixture("requests", name)["responses"]
    named_so: list[bool] = []
    for _ in range(100):
        body = broken(dice, sound)
        if not isinstance(body, dict):
            continue
        try:
            made = translate(body, drop=drop)
        except OrbitError as error:
            named_so.append(error.code is Code.INVALID_REQUEST and bool(error.param))
        else:
            assert made.body["messages"]
            orjson.dumps(made.body)
    assert all(named_so)
