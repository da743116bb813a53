"""Requests as few clients send them: signed thinking, long integers, bodies nested deep, tokens in the place of texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dlp.detectors import scan
from dlp.placeholders import Placeholders
from dlp.policy import Direction
from dlp.walk import DEEPEST, Shape
from orbit.lib.errors import Code, OrbitError
from proxy import calls
from proxy.forms import Form
from proxy.personal import findings as findings_module
from proxy.personal.findings import Findings
from proxy.personal.requests import Given, Inspector
from proxy.personal.ways import Restoring
from tests.proxy.personal.test_inspected_streams import FINDINGS
from tests.proxy.personal.test_inspector import MOST, inspected_body, policy

MAIL = "anna.smith@example.org"
LONG = 123456789012345678901234567890


def given(body: dict[str, Any], endpoint: str = "messages", **more: Any) -> Given:
    return inspected_body(Inspector(MOST, FINDINGS), policy(**more), endpoint, body)


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


@pytest.mark.parametrize(
    ("endpoint", "body", "name"),
    [("embeddings", {"input": [1, 2]}, "input"), ("embeddings", {"input": [[1], [2]]}, "input"), ("completions", {"prompt": [5]}, "prompt")],
)  # fmt: skip
def test_tokens_are_no_text_that_can_be_inspected(endpoint: str, body: dict[str, Any], name: str) -> None:
    with pytest.raises(OrbitError) as refused:
        given(body, endpoint)
    assert (refused.value.code, refused.value.param) == (Code.INVALID_REQUEST, name)
    told = given(body, endpoint, when_uninspected="pass").inspection.told()
    assert told == {"uninspected": [{"direction": "request", "reason": "format"}]}
    assert given({name: ["a", "b"]}, endpoint).inspection.told() == {}


def test_form_goes_on_as_it_was_inspected() -> None:
    sent = (("prompt", f"of {MAIL}"), ("metadata[owner]", MAIL), ("known_speaker_names[]", "Max"), ("known_speaker_names[]", MAIL))  # fmt: skip
    body = {"prompt": sent[0][1], "metadata": {"owner": MAIL}, "known_speaker_names": ["Max", MAIL]}
    made = inspected_body(
        Inspector(MOST, FINDINGS), policy(), "audio/transcriptions", body, form=Form(sent, (), body)
    )
    assert made.form is not None
    assert MAIL not in str(made.form.texts)
    assert [name for name, _ in made.form.texts] == [name for name, _ in sent]
    assert made.form.texts[2][1] == "Max"


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        ("chat/completions", {"response_format": {"type": "json_object"}}),
        ("responses", {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}),
        ("messages", {"output_config": {"format": {"type": "json_schema", "schema": {}}}}),
    ],
)
def test_value_is_written_into_json_as_json_wants_it(endpoint: str, asked: dict[str, Any]) -> None:
    secret = 'Qw7"zRt9k\\x'
    own = {"patterns": [{"name": "CODE", "pattern": r'Qw7"\S+'}]}
    texts = {"input": f"it is {secret}"} if endpoint == "responses" else {"messages": [{"role": "user", "content": f"it is {secret}"}]}  # fmt: skip
    for more, structured in ((asked, True), ({}, False)):
        inspection = given({**texts, **more}, endpoint, **own).inspection
        core = f"[{next(iter(inspection.placeholders.values))}]"
        way = Restoring(inspection.placeholders.values, structured=inspection.structured)
        said = way.text(f'{{"a":"{core}"}}', in_json=False)
        value = next(iter(inspection.placeholders.values.values()))
        assert said == f'{{"a":{json.dumps(value) if structured else chr(34) + value + chr(34)}}}'


def test_table_of_numbers_is_judged_once_for_each_and_refused_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scan, "MAX_COSTLY", 20)
    numbers = [f"030 90{number:04}" for number in range(30)]
    said = {"messages": [{"role": "user", "content": "call " + "\ncall ".join(numbers)}]}
    with pytest.raises(OrbitError) as refused:
        given(said)
    assert "several requests" in refused.value.message
    assert str(policy().max_bytes) not in refused.value.message
    again = {"messages": [{"role": "user", "content": "call " + "\ncall ".join(numbers[:3] * 10)}]}
    assert len(given(again).inspection.placeholders) == 3


def test_memory_of_findings_is_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_module, "HELD", 10)
    known = Findings(detector=FINDINGS.detector)
    for number in range(9):
        known.of(policy(), "o", f"{number} {MAIL} {MAIL} {MAIL}", "", Direction.REQUEST)
    assert known.held == sum(len(one.decided) for one in known.known.values()) <= 10
    assert len(known.known) == 3
