"""Every text of every shape is handed over and can be replaced; nothing else changes."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from dlp.walk import DEEPEST, Place, Shape, Text, texts, walked

FILE = "data:text/plain;base64," + base64.b64encode(b"T in a file").decode()
# Every text that must be found begins with T; everything else with N or is a name, a number or a link.
BODIES: dict[str, tuple[Shape, dict[str, Any], int]] = {
    "chat request": (
        Shape.CHAT,
        {
            "model": "N",
            "user": "T user",
            "metadata": {"N": "T meta"},
            "messages": [
                {"role": "system", "content": "T system"},
                {"role": "user", "content": [{"type": "text", "text": "T part"}, {"type": "image_url", "image_url": {"url": "N"}}, {"type": "file", "file": {"filename": "N", "file_data": FILE}}]},
                {"role": "assistant", "content": None, "refusal": "T refusal", "tool_calls": [{"id": "N", "type": "function", "function": {"name": "N", "arguments": '{"N":"T arg","N2":[1,{"N3":"T deep"}]}'}}, {"id": "N", "type": "custom", "custom": {"name": "N", "input": "T custom"}}]},
                {"role": "tool", "tool_call_id": "N", "content": '{"N":"T result"}'},
                {"role": "tool", "tool_call_id": "N", "content": "T words"},
            ],
            "tools": [{"type": "function", "function": {"name": "N", "description": "T tool", "parameters": {"type": "object", "properties": {"N": {"type": "string", "description": "T parameter", "enum": ["N"]}}}}}],
        },
        13,
    ),
    "chat answer": (
        Shape.CHAT,
        {"id": "N", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "T answer", "reasoning_content": "T thought", "tool_calls": [{"id": "N", "type": "function", "function": {"name": "N", "arguments": '{"N":"T"}'}}]}}], "usage": {"total_tokens": 3}},
        3,
    ),
    "responses request": (
        Shape.RESPONSES,
        {
            "model": "N",
            "instructions": "T instructions",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "T text"}, {"type": "input_file", "filename": "N", "file_data": FILE}]},
                {"type": "function_call", "call_id": "N", "name": "N", "arguments": '{"N":"T"}'},
                {"type": "function_call_output", "call_id": "N", "output": '{"N":"T"}'},
                {"type": "function_call_output", "call_id": "N", "output": [{"type": "input_text", "text": "T part"}]},
                {"type": "custom_tool_call", "call_id": "N", "name": "N", "input": "T free"},
                {"type": "reasoning", "id": "N", "summary": [{"type": "summary_text", "text": "T summary"}], "encrypted_content": "N"},
            ],
        },
        8,
    ),
    "responses answer": (
        Shape.RESPONSES,
        {"id": "N", "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "T", "annotations": []}]}, {"type": "function_call", "name": "N", "arguments": '{"N":"T"}'}]},
        2,
    ),
    "messages request": (
        Shape.MESSAGES,
        {
            "model": "N",
            "metadata": {"user_id": "T id"},
            "system": [{"type": "text", "text": "T system", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": "T user"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "T thought", "signature": "N"}, {"type": "tool_use", "id": "N", "name": "N", "input": {"N": "T", "N2": ["T", 5]}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "N", "content": [{"type": "text", "text": "T result"}]}, {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "T document"}}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "Tk4="}}]},
            ],
            "tools": [{"name": "N", "description": "T tool", "input_schema": {"type": "object"}}],
        },
        9,
    ),
    "messages answer": (Shape.MESSAGES, {"id": "N", "role": "assistant", "content": [{"type": "text", "text": "T"}, {"type": "tool_use", "id": "N", "name": "N", "input": {"N": "T"}}]}, 2),
    "gemini request": (
        Shape.GEMINI,
        {
            "systemInstruction": {"parts": [{"text": "T system"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "T user"}, {"inlineData": {"mimeType": "text/csv", "data": base64.b64encode(b"T,file").decode()}}, {"inlineData": {"mimeType": "image/png", "data": "Tk4="}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "N", "args": {"N": "T"}}, "thoughtSignature": "N"}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "N", "response": {"N": {"N": "T"}}}}]},
            ],
        },
        5,
    ),
    "gemini answer": (Shape.GEMINI, {"candidates": [{"content": {"role": "model", "parts": [{"text": "T"}]}, "finishReason": "STOP"}], "modelVersion": "N"}, 1),
    "gemini embeddings": (Shape.GEMINI, {"requests": [{"model": "N", "content": {"parts": [{"text": "T"}]}}]}, 1),
    "embeddings": (Shape.EMBEDDINGS, {"model": "N", "input": ["T one", "T two"]}, 2),
    "embeddings of tokens": (Shape.EMBEDDINGS, {"model": "N", "input": [[1, 2], [3]]}, 0),
    "completions": (Shape.EMBEDDINGS, {"model": "N", "prompt": "T"}, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_every_text_is_found_and_nothing_else(name: str) -> None:
    shape, body, count = BODIES[name]
    found = [text.value for text in texts(body, shape)]
    assert [value for value in found if not value.startswith("T")] == []
    assert len(found) == count


@pytest.mark.parametrize("name", BODIES)
def test_every_text_can_be_replaced_and_the_rest_stays(name: str) -> None:
    shape, body, count = BODIES[name]
    before = copy.deepcopy(body)
    changed = walked(body, shape, lambda text: 'X "\\\n🙂' + text.value)
    assert body == before
    assert [text.value for text in texts(changed, shape)] == [
        'X "\\\n🙂' + text.value for text in texts(body, shape)
    ]
    back = walked(changed, shape, lambda text: text.value.removeprefix('X "\\\n🙂'))
    assert back == body
    assert count == len(texts(back, shape))


@pytest.mark.parametrize("name", BODIES)
def test_untouched_body_is_the_same_object(name: str) -> None:
    shape, body, _ = BODIES[name]
    assert walked(body, shape, lambda text: text.value) is body


def test_values_of_arguments_come_with_their_keys() -> None:
    body = {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"ssn": "536228765", "card": 4111111111111111, "count": 3}'}}]}]}  # fmt: skip
    assert texts(body, Shape.CHAT) == [
        Text(Place.TOOL_CALL, "536228765", "ssn"),
        Text(Place.TOOL_CALL, "4111111111111111", "card"),
    ]
    changed = walked(body, Shape.CHAT, lambda text: f"[{text.label}]")
    arguments = json.loads(changed["messages"][0]["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"ssn": "[ssn]", "card": "[card]", "count": 3}


def test_places_are_told_apart() -> None:
    shape, body, _ = BODIES["messages request"]
    found = {text.value: text.place for text in texts(body, shape)}
    assert found["T system"] is Place.SYSTEM
    assert found["T user"] is Place.USER
    assert found["T thought"] is Place.ASSISTANT
    assert found["T result"] is Place.TOOL_RESULT
    assert found["T document"] is Place.FILE
    assert found["T tool"] is Place.TOOLS
    assert found["T id"] is Place.METADATA


def test_arguments_that_are_no_json_are_a_text() -> None:
    body = {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": '{"a": "cut'}}]}]}
    assert [text.value for text in texts(body, Shape.CHAT)] == ['{"a": "cut']


def test_body_nested_too_deep_is_refused() -> None:
    content: Any = "T"
    for _ in range(DEEPEST + 5):
        content = [content]
    with pytest.raises(ValueError, match="nested deeper"):
        texts({"messages": [{"role": "user", "content": content}]}, Shape.CHAT)


CARRIED = [
    "data:text/csv;base64," + base64.b64encode("name;Müller".encode("latin-1")).decode(),
    "data:text/csv;charset=utf-16;base64," + base64.b64encode("name;Müller".encode("utf-16")).decode(),
    "data:TEXT/plain;base64,bmFtZTtN\r\nw7xsbGVy",
    "data:text/plain,name;M%C3%BCller",
]


@pytest.mark.parametrize("carried", CARRIED, ids=["latin-1", "utf-16", "lines", "percent"])
def test_a_text_file_is_read_however_it_is_carried(carried: str) -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": carried}}]}]}
    assert [one.value.removeprefix("\ufeff") for one in texts(body, Shape.CHAT)] == ["name;Müller"]
    assert walked(body, Shape.CHAT, lambda text: text.value) is body
    made = walked(body, Shape.CHAT, lambda text: text.value.replace("Müller", "[漢]"))
    assert [one.value.removeprefix("\ufeff") for one in texts(made, Shape.CHAT)] == ["name;[漢]"]


def test_what_is_no_base64_is_not_left_unread() -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/plain;base64,anna@example.org"}}]}]}  # fmt: skip
    assert [one.value for one in texts(body, Shape.CHAT)] == ["anna@example.org"]


def test_what_fills_a_stored_prompt_and_a_counted_request_is_read() -> None:
    prompt = {"id": "pmpt_1", "variables": {"name": "Anna", "photo": {"type": "input_text", "text": "Max"}}}
    found = texts({"prompt": prompt, "input": "Hi"}, Shape.RESPONSES)
    assert [(one.value, one.label) for one in found] == [("Anna", "name"), ("Max", ""), ("Hi", "")]
    counted = {"generateContentRequest": {"contents": [{"role": "user", "parts": [{"text": "Anna"}]}]}}
    assert [one.value for one in texts(counted, Shape.GEMINI)] == ["Anna"]


def test_a_result_nested_deeper_than_we_go_is_one_text() -> None:
    deep = "[" * (DEEPEST + 5) + '"anna@example.org"' + "]" * (DEEPEST + 5)
    body = {"messages": [{"role": "tool", "tool_call_id": "c", "content": deep}]}
    assert [one.value for one in texts(body, Shape.CHAT)] == [deep]
