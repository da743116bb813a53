"""Integers of more than 64 bits in the arguments of tool calls: every digit arrives, whatever the call is translated to."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from orbit.lib import body, numbers
from orbit.lib.errors import OrbitError
from proxy.formats.base import Terms, encoded
from proxy.formats.messages_assembly import MessageAssembly
from proxy.translation.chat_to_messages import chat_to_messages
from proxy.translation.messages_to_chat import messages_to_chat
from tests.proxy.conftest import Api
from tests.proxy.translation.messages_to_chat import terms
from tests.proxy.translation.test_messages_to_chat_answers import call, completion

LONG = 123456789012345678901234567890
ARGUMENTS = f'{{"id": {LONG}, "less": -{LONG}, "half": 0.5, "most": {2**64 - 1}}}'
INPUT = {"id": LONG, "less": -LONG, "half": 0.5, "most": 2**64 - 1}
HELLO = {"role": "user", "content": "Hello"}


def exactly(content: bytes) -> Any:
    """As Python reads it, with all digits."""
    return json.loads(content)


def use(given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": "f", "input": given}


def test_chats_call_in_a_conversation_reaches_a_messages_provider() -> None:
    asked = {
        "model": "m",
        "messages": [
            HELLO,
            {"role": "assistant", "tool_calls": [{"id": "a", **call(arguments=ARGUMENTS)}]},
            {"role": "tool", "tool_call_id": "a", "content": "done"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    made = chat_to_messages(asked, Terms(model="claude-haiku-4-5", output_cap=500))
    [_, turn, _] = exactly(body.encode(dict(made.body)))["messages"]
    assert [block["input"] for block in turn["content"]] == [INPUT]


def test_chats_answer_reaches_a_client_of_messages() -> None:
    made = messages_to_chat({"model": "m", "max_tokens": 9, "messages": [HELLO]}, terms())
    answer = made.answer(completion(tool_calls=[{"id": "a", **call(arguments=ARGUMENTS)}]))
    assert [block["input"] for block in exactly(encoded(answer))["content"]] == [INPUT]


def test_messages_answer_reaches_a_client_of_chat() -> None:
    content = f'{{"id":"msg_1","content":[{encoded(use({})).decode()}],"stop_reason":"tool_use"}}'.replace(
        "{}", ARGUMENTS
    ).encode()
    made = chat_to_messages(
        {"model": "m", "messages": [HELLO]}, Terms(model="claude-haiku-4-5", output_cap=500)
    )
    answer = exactly(encoded(made.answer(numbers.read(content))))
    [said] = answer["choices"][0]["message"]["tool_calls"]
    assert exactly(said["function"]["arguments"]) == INPUT


def test_messages_stream_is_put_together_with_them() -> None:
    assembly = MessageAssembly()
    half = len(ARGUMENTS) // 2
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": use({})},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": piece},
            }
            for piece in (ARGUMENTS[:half], ARGUMENTS[half:])
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ]
    for event in events:
        assembly.add(event)
    [block] = exactly(encoded(assembly.answer(None)))["content"]
    assert block["input"] == INPUT


def history(given: str, where: str = "input") -> bytes:
    block = orjson.dumps({**use({}), where: "HERE"}).replace(b'"HERE"', given.encode())
    return b'{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[%b]}]}' % block


def test_call_comes_back_in_the_conversation_with_all_its_digits() -> None:
    found = body.decode(history(ARGUMENTS))
    assert found["messages"][0]["content"][0]["input"] == INPUT
    asked = body.decode(
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hello"},'
        + history(ARGUMENTS).split(b'"messages":[')[1].removesuffix(b"]}")
        + b',{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"done"}]}]}'
    )
    made = messages_to_chat(asked, terms())
    [said] = made.body["messages"][1]["tool_calls"]
    assert exactly(said["function"]["arguments"]) == INPUT


@pytest.mark.parametrize(
    "content",
    [
        history(ARGUMENTS, "name"),
        history(ARGUMENTS, "cache_control"),
        f'{{"max_tokens":{LONG}}}'.encode(),
        f'{{"messages":[{{"type":"tool_result","input":{LONG}}}]}}'.encode(),
        history(f'{{"a":{"1" * (body.MOST_DIGITS + 1)}}}'),
        f"[{LONG}]".encode(),
    ],
)
def test_long_integer_anywhere_else_is_refused(content: bytes) -> None:
    with pytest.raises(OrbitError, match=r"number out of range|JSON object"):
        body.decode(content)


def test_figures_of_a_request_are_as_strict_as_before(api: Api) -> None:
    answer = api.send("POST", "chat/completions", b'{"model":"gpt-4o-mini","max_tokens":%d}' % LONG)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_what_nobody_can_write_is_an_error_that_callers_know() -> None:
    deep: Any = LONG
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, {"a": LONG, "b": "\ud800"}, {"a": LONG, "b": object()}):
        with pytest.raises(orjson.JSONEncodeError):
            numbers.write(value)


@pytest.mark.parametrize("text", [b"{", b"NaN", b"[1234567890123456789012", b""])
def test_what_orjson_refuses_is_refused(text: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        numbers.read(text)
