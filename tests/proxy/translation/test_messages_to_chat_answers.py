"""Chat completions as Messages answers, plain and streamed, judged by Anthropic's SDK."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from proxy.formats.base import Unreadable
from proxy.translation.messages_to_chat import SIGNATURE
from proxy.translation.messages_to_chat.written import MOST_CALLS
from tests.proxy.translation.messages_to_chat import (
    FIXTURES,
    accumulated,
    fixture,
    message,
    streamed,
    translated,
)

STREAMS = sorted(path.stem for path in FIXTURES.glob("*.json") if not path.stem.endswith("_request"))


def completion(finish_reason: str | None = "stop", **fields: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, **fields},
        "finish_reason": finish_reason,
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def call(name: str = "f", arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


def piece(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
    named = {"id": f"call_{index}", "type": "function"} if name else {}
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return chunk(tool_calls=[{"index": index, "function": function, **named}])


def answer(**fields: Any) -> dict[str, Any]:
    return message(translated().answer(completion(**fields)))


@pytest.mark.parametrize("name", STREAMS)
def test_stream_accumulates_to_the_message(name: str) -> None:
    given = fixture(name)
    found = accumulated(streamed(translated(), given["chunks"]))
    for made, wanted in zip(found["content"], given["message"]["content"], strict=True):
        if wanted.get("id") == "*":
            assert made.pop("id").startswith("toolu_")
            del wanted["id"]
    assert found == given["message"]


def test_plain_answer_has_all_its_parts() -> None:
    given = completion(
        "tool_calls",
        content="Hi",
        reasoning_content="Hm",
        tool_calls=[call(id="call_1", arguments='{"a": 1}'), call("g", id="call_2")],
    )
    given["usage"] = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
    given["usage"]["prompt_tokens_details"] = {"cached_tokens": 8, "cache_write_tokens": 4}
    given["usage"]["completion_tokens_details"] = {"reasoning_tokens": 3}
    ChatCompletion.model_validate(given)
    assert message(translated().answer(given)) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": SIGNATURE},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 8,
            "cache_creation_input_tokens": 4,
            "cache_read_input_tokens": 8,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 3},
        },
    }


@pytest.mark.parametrize(
    ("reason", "fields", "stop"),
    [
        ("stop", {"content": "a"}, "end_turn"),
        ("stop", {"tool_calls": [call()]}, "tool_use"),
        ("tool_calls", {"tool_calls": [call()]}, "tool_use"),
        ("tool_calls", {"content": "a"}, "end_turn"),
        ("function_call", {"function_call": {"name": "f", "arguments": "{}"}}, "tool_use"),
        ("length", {"content": "a"}, "max_tokens"),
        ("length", {"tool_calls": [call()]}, "max_tokens"),
        ("content_filter", {"content": "a"}, "refusal"),
        ("stop", {"refusal": "No."}, "refusal"),
        ("", {"content": "a"}, "end_turn"),
        (None, {"content": "a"}, "end_turn"),
        ("new_reason", {"tool_calls": [call()]}, "tool_use"),
    ],
)
def test_reason_is_the_same_plain_and_streamed(reason: str | None, fields: dict[str, Any], stop: str) -> None:
    assert answer(finish_reason=reason, **fields)["stop_reason"] == stop
    assert accumulated(streamed(translated(), [chunk(reason, **fields)]))["stop_reason"] == stop


def test_refusal_is_text() -> None:
    assert answer(refusal="No.")["content"] == [{"type": "text", "text": "No."}]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"a"', "nonsense", '{"a": 1'])
def test_arguments_that_are_no_object_are_kept_under_a_name_that_says_so(arguments: str) -> None:
    (block,) = answer(tool_calls=[call(arguments=arguments)])["content"]
    assert block["input"] == {"INVALID_JSON": arguments}


@pytest.mark.parametrize("arguments", ["", "null", " ", None])
def test_no_arguments_are_an_empty_input(arguments: Any) -> None:
    fields: dict[str, Any] = {"tool_calls": [call(arguments=arguments)]}
    assert answer(**fields)["content"][0]["input"] == {}
    assert accumulated(streamed(translated(), [chunk(**fields)]))["content"][0]["input"] == {}


def test_arguments_that_are_no_object_are_held_back_in_a_stream_until_they_can_be_named() -> None:
    found = accumulated(streamed(translated(), [piece(0, "[1", "f"), piece(0, ", 2]")]))
    assert found["content"][0]["input"] == {"INVALID_JSON": "[1, 2]"}


def test_arguments_that_were_cut_end_as_they_came() -> None:
    found = accumulated(streamed(translated(), [piece(0, '{"a": 1, "b": "x', "f"), chunk("length")]))
    assert found["content"][0]["input"] == {"a": 1}
    assert found["stop_reason"] == "max_tokens"


def test_calls_without_ids_get_different_ones() -> None:
    found = answer(tool_calls=[call(), call("g"), call("h", id="x"), call("i", id="x")])["content"]
    assert len({block["id"] for block in found}) == 4
    assert found[2]["id"] == "x"


def test_ids_that_anthropic_would_not_take_back_are_replaced() -> None:
    first = answer(tool_calls=[call(id="functions.f:0")])["content"][0]["id"]
    assert first.startswith("toolu_")
    assert first == answer(tool_calls=[call(id="functions.f:0")])["content"][0]["id"]


def test_block_opens_with_the_first_fragment_that_needs_it() -> None:
    stream = translated().stream()
    kinds = [
        [event["type"] for event in stream.feed(one)]
        for one in (
            chunk(role="assistant", content=""),
            chunk(content="a"),
            piece(0, '{"a', "f"),
            piece(0, '":1}'),
        )
    ]
    assert kinds == [
        ["message_start"],
        ["content_block_start", "content_block_delta"],
        ["content_block_stop", "content_block_start", "content_block_delta"],
        ["content_block_delta"],
    ]


def test_second_call_starts_at_once_when_the_first_is_complete() -> None:
    stream = translated().stream()
    stream.feed(piece(0, '{"a": "}"}', "f"))
    assert [event["type"] for event in stream.feed(piece(1, "{", "g"))] == [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


def test_interleaved_calls_wait_for_one_another() -> None:
    chunks = [piece(0, '{"a', "f"), piece(1, '{"b', "g"), piece(0, '":1'), piece(1, '":2}'), piece(0, "}")]
    chunks.append(chunk(content="after"))
    found = accumulated(streamed(translated(), chunks))["content"]
    assert [block.get("input", block.get("text")) for block in found] == [{"a": 1}, {"b": 2}, "after"]


def test_thinking_ends_with_its_signature() -> None:
    events = streamed(translated(), [chunk(reasoning="a"), chunk(content="b")])
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas] == ["thinking_delta", "signature_delta", "text_delta"]
    assert deltas[1]["signature"] == SIGNATURE


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {"type": "adaptive", "display": "omitted"}])
def test_thinking_that_the_client_does_not_want_is_not_shown(thinking: dict[str, Any]) -> None:
    made = translated(thinking=thinking)
    assert [b["type"] for b in made.answer(completion(content="a", reasoning="b"))["content"]] == ["text"]
    assert [
        b["type"] for b in accumulated(streamed(made, [chunk(content="a", reasoning="b")]))["content"]
    ] == ["text"]


def test_name_that_was_cut_comes_back_whole() -> None:
    name = "mcp__" + "long_" * 20
    made = translated(tools=[{"name": name, "input_schema": {"type": "object"}}])
    short = made.body["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert made.answer(completion(tool_calls=[call(short)]))["content"][0]["name"] == name
    assert accumulated(streamed(made, [piece(0, "{}", short)]))["content"][0]["name"] == name


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"choices": []},
        {"choices": "x"},
        {"choices": [{"index": 0}]},
        {"error": {"message": "no"}},
        completion("error", content="a"),
    ],
)
def test_answer_without_a_message_is_unreadable(given: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        translated().answer(given)


@pytest.mark.parametrize("chunks", [[], [{"choices": []}], [{"error": {"message": "no"}}], [chunk("error")]])
def test_stream_without_an_answer_is_unreadable(chunks: list[dict[str, Any]]) -> None:
    with pytest.raises(Unreadable):
        streamed(translated(), chunks)


def test_more_calls_than_any_model_makes_are_unreadable() -> None:
    chunks = [piece(index, "{}", "f") for index in range(MOST_CALLS + 1)]
    assert streamed(translated(), chunks[:-1])
    with pytest.raises(Unreadable):
        streamed(translated(), chunks)


@pytest.mark.parametrize("waiting", ["x" * 100_000, "x"])
def test_what_waits_for_a_block_that_never_ends_is_bounded(waiting: str) -> None:
    chunks = chain([piece(0, "{", "f")], repeat(piece(1, waiting, "g"), 70_000))
    with pytest.raises(Unreadable, match="waits"):
        streamed(translated(), chunks)


def test_what_does_not_wait_is_not_bounded() -> None:
    stream = translated().stream()
    for _ in range(200):
        assert stream.feed(chunk(content="x" * 50_000))
        assert stream.feed(chunk(reasoning="x" * 50_000))
    assert stream.end()[-1] == {"type": "message_stop"}
