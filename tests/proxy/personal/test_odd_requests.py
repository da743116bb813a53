"""Requests as few clients send them: signed thinking, long integers, bodies nested deep, tokens in the place of texts."""

from __future__ import annotations

from typing import Any

import pytest

from dlp.placeholders import Placeholders
from dlp.walk import DEEPEST, Shape
from orbit.lib.errors import Code, OrbitError
from proxy import calls
from proxy.personal.findings import Findings
from proxy.personal.requests import Given, Inspector
from proxy.personal.ways import Restoring
from tests.proxy.personal.test_inspected_streams import FINDINGS
from tests.proxy.personal.test_inspector import MOST, inspected_body, policy

MAIL = "anna.smith@example.org"
LONG = 123456789012345678901234567890


def given(
    body: dict[str, Any], endpoint: str = "messages", findings: Findings = FINDINGS, **more: Any
) -> Given:
    return inspected_body(Inspector(MOST, findings), policy(**more), endpoint, body)


def thinking(text: str, **more: Any) -> dict[str, Any]:
    block = {"type": "thinking", "thinking": text, **more}
    return {"messages": [{"role": "assistant", "content": [block, {"type": "text", "text": text}]}]}


def test_signed_thinking_is_left_as_it_is_and_told_of() -> None:
    made = given(thinking(f"of {MAIL}", signature="c2ln"))
    signed, said = made.body["messages"][0]["content"]
    assert signed["thinking"] == f"of {MAIL}"
    assert MAIL not in said["text"]
    assert sorted((one["action"], one["count"]) for one in made.inspection.told()["findings"]) == [("log", 1), ("tokenize", 1)]  # fmt: skip
    assert MAIL not in str(given(thinking(f"of {MAIL}")).body)
    detail = {"type": "reasoning.text", "text": MAIL, "signature": "c2ln"}
    body = {"messages": [{"role": "assistant", "content": "", "reasoning_details": [detail]}]}
    assert given(body, "chat/completions").body == body


def test_block_holds_for_signed_thinking_too() -> None:
    with pytest.raises(OrbitError) as refused:
        given(thinking(MAIL, signature="c2ln"), rules=[{"types": ["*"], "action": "block"}])
    assert refused.value.code is Code.CONTENT_BLOCKED


def test_conversation_that_begins_with_a_long_integer_has_its_placeholders() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"n": LONG, "to": MAIL}}
    body = {"messages": [{"role": "user", "content": [call]}]}
    made = given(body).body["messages"][0]["content"][0]["input"]
    assert MAIL not in made["to"]
    assert str(LONG) in calls._beginning(body)


def test_answer_nested_deep_keeps_its_placeholders() -> None:
    made = Placeholders(b"c" * 32)
    inner: Any = made.standing_for("EMAIL_ADDRESS", MAIL)
    for _ in range(DEEPEST + 5):
        inner = [inner]
    answer = {"content": [{"type": "tool_use", "input": {"deep": inner}}]}
    assert Restoring(made.values).whole(answer, Shape.MESSAGES) is answer
