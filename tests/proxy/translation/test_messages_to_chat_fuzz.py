"""Streams that are cut anywhere, and streams that make no sense."""

from __future__ import annotations

import random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.formats.base import Unreadable
from tests.proxy.translation.messages_to_chat import accumulated, check_order, message, streamed, translated

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], include_characters='{}[]"\\'), max_size=40)
INPUT = st.dictionaries(TEXT, JSON, max_size=4)
CALL = st.tuples(st.sampled_from(["f", "g", "long_" * 20]), INPUT, st.booleans())


def split(text: str, draw: st.DataObject) -> list[str]:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def chunk(**delta: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


def fragments(index: int, call: dict[str, Any], data: st.DataObject) -> list[dict[str, Any]]:
    """One call as a server would cut it: its name once, then its arguments."""
    pieces = split(call["function"]["arguments"], data)
    first = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": pieces[0]}}
    rest = [{"index": index, "function": {"arguments": piece}} for piece in pieces[1:]]
    return [chunk(tool_calls=[one]) for one in [first, *rest]]


def interleaved(lists: list[list[dict[str, Any]]], data: st.DataObject) -> list[dict[str, Any]]:
    """Calls begin in order; what follows comes in any."""
    merged = list(lists[0]) if lists else []
    for more in lists[1:]:
        at = 1 + max(
            (i for i, one in enumerate(merged) if "id" in one["choices"][0]["delta"]["tool_calls"][0]),
            default=-1,
        )
        for one in more:
            at = data.draw(st.integers(at, len(merged)))
            merged.insert(at, one)
            at += 1
    return merged


@settings(max_examples=150, deadline=None)
@given(data=st.data(), thought=TEXT, said=TEXT, refused=TEXT, given_calls=st.lists(CALL, max_size=4))
def test_any_split_of_a_stream_gives_the_message_of_the_plain_answer(
    data: st.DataObject,
    thought: str,
    said: str,
    refused: str,
    given_calls: list[tuple[str, dict[str, Any], bool]],
) -> None:
    made = translated(
        tools=[{"name": name, "input_schema": {"type": "object"}} for name in ("f", "g", "long_" * 20)]
    )
    names = [tool["function"]["name"] for tool in made.body["tools"]]
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": names[("f", "g", "long_" * 20).index(name)],
                "arguments": orjson.dumps(value, option=orjson.OPT_INDENT_2 if wide else 0).decode(),
            },
        }
        for number, (name, value, wide) in enumerate(given_calls)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    whole = {
        "id": "chatcmpl-1",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"content": said, "reasoning": thought, "refusal": refused, "tool_calls": calls},
                "finish_reason": "stop",
            }
        ],
        "usage": usage,
    }
    chunks = [chunk(role="assistant", content="")]
    chunks += [chunk(reasoning=one) for one in split(thought, data)]
    chunks += [chunk(content=one) for one in split(said, data)]
    chunks += [chunk(refusal=one) for one in split(refused, data)]
    chunks += interleaved([fragments(index, call, data) for index, call in enumerate(calls)], data)
    chunks += [
        {"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"id": "chatcmpl-1", "model": "m", "choices": [], "usage": usage},
    ]
    assert accumulated(streamed(made, chunks)) == message(made.answer(whole))


WORDS = [
    *(
        "id",
        "model",
        "choices",
        "usage",
        "index",
        "delta",
        "message",
        "finish_reason",
        "stop_reason",
        "content",
    ),
    *(
        "reasoning",
        "reasoning_content",
        "refusal",
        "tool_calls",
        "function_call",
        "function",
        "name",
        "arguments",
    ),
    *("type", "text", "thinking", "x_groq", "prompt_tokens", "completion_tokens", "service_tier", "error"),
]
VALUES = ["stop", "text", "thinking", "tool_calls", "{", "}", '"', "\\", "[", "null", "", "é\ud83d", "call_1"]


def noise(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(9 if depth < 5 else 6)
    if kind < 3:
        return chance.choice(VALUES)
    if kind < 6:
        return chance.choice([None, True, 0, 1, -1, 2**53, 0.5, 10**30])
    if kind == 6:
        return [noise(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(WORDS): noise(chance, depth + 1) for _ in range(chance.randrange(6))}


def likely(chance: random.Random) -> dict[str, Any]:
    """A chunk with the outer shape of one, so that what is inside is met."""
    call = {
        "index": chance.choice([0, 1, None, noise(chance)]),
        "id": chance.choice(["a", "b", None, noise(chance)]),
        "function": {
            "name": chance.choice(["f", "", None, noise(chance)]),
            "arguments": chance.choice([*VALUES, noise(chance)]),
        },
    }
    delta = {
        "content": chance.choice(["a", None, noise(chance)]),
        "reasoning": chance.choice(["b", None, noise(chance)]),
        "tool_calls": chance.choice([[call], [call, noise(chance)], None]),
    }
    choice = {"index": 0, "delta": delta, "finish_reason": chance.choice([None, "stop", "", noise(chance)])}
    return {"id": "x", "choices": [choice], "usage": chance.choice([None, noise(chance)])}


def test_noise_is_passed_over_or_unreadable_and_what_comes_out_is_in_order() -> None:
    chance = random.Random(4)
    finished = 0
    for _ in range(1500):
        chunks = [
            likely(chance) if chance.random() < 0.7 else {"choices": noise(chance), "usage": noise(chance)}
            for _ in range(8)
        ]
        try:
            check_order(streamed(translated(), chunks))
        except Unreadable:
            continue
        finished += 1
    assert finished > 500


def test_answers_of_noise_are_messages_or_unreadable() -> None:
    chance = random.Random(5)
    finished = 0
    for _ in range(1500):
        body = likely(chance)
        body["choices"][0]["message"] = (
            body["choices"][0].pop("delta") if chance.random() < 0.9 else noise(chance)
        )
        try:
            made = translated().answer(body)
        except Unreadable:
            continue
        assert made["type"] == "message"
        finished += 1
    assert finished > 500
