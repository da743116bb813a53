"""Newer tools, results that are JSON in a part, keys, and what is no text although it stands where one may."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from dlp.walk import Place, Shape, texts, walked

PICTURE = "data:image/png;base64," + base64.b64encode(bytes(range(256))).decode()


def item(**more: Any) -> dict[str, Any]:
    return {"input": [more]}


@pytest.mark.parametrize(
    "body",
    [
        item(type="shell_call", action={"commands": ["T"], "timeout_ms": 5}),
        item(type="apply_patch_call", operation={"type": "update_file", "path": "N", "diff": "T"}),
        item(type="local_shell_call", action={"type": "exec", "command": ["T"], "env": {"N": "T"}}),
        item(type="mcp_list_tools", tools=[{"name": "N", "description": "T", "input_schema": {}}]),
        item(type="mcp_call", name="N", error="T"),
        item(type="mcp_approval_response", approve=False, reason="T"),
        item(type="shell_call_output", output=[{"stdout": "T", "stderr": "", "outcome": {"exit_code": 1}}]),
        {"text": {"format": {"type": "json_schema", "name": "N", "schema": {"description": "T"}}}},
        {"prompt_cache_key": "T"},
    ],
)
def test_newer_fields_and_tools_are_walked(body: dict[str, Any]) -> None:
    found = {one.value for one in texts(body, Shape.RESPONSES)}
    assert found == {"T"}
    changed = walked(body, Shape.RESPONSES, lambda text: "X" + text.value, raw_arguments=True)
    assert '"XT"' in json.dumps(changed)


def test_fields_of_sound_are_walked() -> None:
    body = {"input": "T", "instructions": "T", "known_speaker_names": ["T"]}
    assert len(texts(body, Shape.EMBEDDINGS)) == 3


@pytest.mark.parametrize(
    "body",
    [
        item(type="image_generation_call", result=PICTURE.partition(",")[2]),
        item(type="computer_call_output", output={"type": "N", "image_url": PICTURE}),
    ],
)
def test_picture_is_no_text(body: dict[str, Any]) -> None:
    assert PICTURE.partition(",")[2] not in str(texts(body, Shape.RESPONSES))


def test_what_only_begins_like_a_picture_is_a_text() -> None:
    body = item(type="function_call_output", output={"a": "data:image/svg+xml,anna@example.org"})
    assert [one.value for one in texts(body, Shape.RESPONSES)] == ["data:image/svg+xml,anna@example.org"]


def result(text: str) -> dict[str, Any]:
    part = {"type": "text", "text": text}
    return {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [part]}]}]}


def anew(text: str) -> str:
    made = walked(result(text), Shape.MESSAGES, lambda one: one.value.replace("anna@example.org", "[MAIL]"))
    return str(made["messages"][0]["content"][0]["content"][0]["text"])


def test_part_of_a_result_is_read_as_json() -> None:
    note = json.dumps({"note": "Card:\n4111", "to": "anna@example.org"})
    assert "Card:\n4111" in [one.value for one in texts(result(note), Shape.MESSAGES)]
    assert json.loads(anew(note)) == {"note": "Card:\n4111", "to": "[MAIL]"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":"anna\\u0040example.org","b":NaN}', '{"a":"[MAIL]","b":NaN}'),
        ('{"a":"anna@example.org \\ud83d"}', '{"a":"[MAIL] \\ud83d"}'),
        ('{"a":"anna@example.org","a":"x"}', '{"a":"x"}'),
        ('{"anna@example.org":1,"count":2}', '{"[MAIL]":1,"count":2}'),
        ('{"of anna@example.org":1,"of [MAIL]":2}', '{"of [MAIL] 2":1,"of [MAIL]":2}'),
        ('{"a": NaN, "b": 1.50}', '{"a": NaN, "b": 1.50}'),
    ],
)
def test_odd_json_in_a_result_is_read_too(text: str, expected: str) -> None:
    assert anew(text) == expected


def test_names_of_fields_are_no_texts_and_other_keys_are() -> None:
    found = texts(result('{"customer_name":"N","address2":"N","+49 30 901820":"N"}'), Shape.MESSAGES)
    assert [one.value for one in found if one.value != "N"] == ["+49 30 901820"]
    assert {one.place for one in found} == {Place.TOOL_RESULT}
