"""Answers are inspected as they stream: nothing that a rule wants gone passes, and `block` ends them with a reason."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.placeholders import Placeholders
from dlp.policy import inspecting
from proxy.personal import ways
from proxy.personal.answers import Rewriter, masked_object
from proxy.personal.findings import Findings
from proxy.personal.inspection import Inspection
from proxy.personal.streams import STREAMS
from proxy.personal.ways import Masking, Restoring
from tenants.schema import policy_document
from tests.proxy.personal.streams import (
    FORMATS,
    arguments_of,
    cut,
    events,
    packed,
    read,
    reasons,
    text_of,
    through,
    written,
)

VALUES = {"anna.smith@example.org": "[EMAIL_ADDRESS]", "4111 1111 1111 1111": "[CREDIT_CARD]"}
FINDINGS = Findings()
THREADS = ThreadPoolExecutor(1)
prose = st.lists(
    st.sampled_from(list(VALUES)) | st.sampled_from(["Dear sir", "🙂 é", "\n\n", '"so"', "\\n"]),
    min_size=1,
    max_size=6,
)
places = st.lists(st.integers(0, 400), max_size=8)
END = {"messages": "refusal"}


def way(
    action: str = "mask", types: Sequence[str] = ("EMAIL_ADDRESS", "CREDIT_CARD"), shadow: bool = False, **more: Any
) -> Masking:  # fmt: skip
    rules = [{"types": list(types), "action": action, "shadow": shadow}]
    policy = inspecting([policy_document({"dlp": {"rules": rules, **more}})])
    assert policy is not None
    key = b"k" * 32
    return Masking(Inspection(policy, FINDINGS, "o", key, Placeholders(key), THREADS, 1_000_000))


def masked(said: str) -> str:
    for value, instead in VALUES.items():
        said = said.replace(value, instead)
    return said


@pytest.mark.parametrize("spoken", FORMATS)
@given(parts=prose, texts=places, arguments=places, cuts=st.lists(st.integers(0, 4000), max_size=8))
@settings(max_examples=25, deadline=None)
def test_any_cut_is_masked_alike(
    spoken: str, parts: list[str], texts: list[int], arguments: list[int], cuts: list[int]
) -> None:
    said = " ; ".join(parts)
    stream = written(spoken, events(spoken, cut(said, texts), cut(packed(said), arguments)))
    made = way()
    result = through(made, spoken, cut(stream, cuts))
    out = read(result)
    assert text_of(out) == masked(said)
    if spoken != "completions":
        assert json.loads(arguments_of(out)) == json.loads(packed(masked(said)))
    assert not any(value in orjson.dumps(out).decode() for value in VALUES)
    counts = {row["place"]: row["count"] for row in made.inspection.told().get("findings", []) if row["type"] == "EMAIL_ADDRESS"}  # fmt: skip
    mails = parts.count("anna.smith@example.org")
    assert counts.get("assistant", 0) == mails
    assert counts.get("tool_call", 0) == (0 if spoken == "completions" else mails)


@pytest.mark.parametrize("spoken", FORMATS)
def test_block_ends_the_stream_before_the_value_with_a_reason(spoken: str) -> None:
    said = "Hello there. " * 30 + "Write to anna.smith@example.org today. " + "And on. " * 60
    made = way("block")
    stream = written(spoken, events(spoken, cut(said, range(0, 2000, 7)), ["{}"]))
    result = through(made, spoken, cut(stream, range(0, 90_000, 501)))
    out = read(result)
    assert text_of(out) == said.partition("anna")[0]
    assert reasons(out) == [END.get(spoken, "content_filter")]
    assert b"example.org" not in result
    assert result.endswith(b"data: [DONE]\n\n") is ("completions" in spoken)
    assert made.inspection.told()["findings"][0]["action"] == "block"


@pytest.mark.parametrize("spoken", ["chat/completions", "messages", "responses"])
def test_block_in_arguments_lets_none_of_them_pass(spoken: str) -> None:
    arguments = packed("anna.smith@example.org")
    out = read(
        through(way("block"), spoken, [written(spoken, events(spoken, ["hi"], cut(arguments, [9, 20])))])
    )
    assert "example.org" not in orjson.dumps(out).decode()
    assert reasons(out)[-1] == END.get(spoken, "content_filter")


@pytest.mark.parametrize("spoken", FORMATS)
def test_no_more_is_held_back_than_the_policy_says(spoken: str) -> None:
    said = "word " * 100
    begun = [one for one in events(spoken, [said], []) if said in str(one)][:1]
    stream = written(spoken, begun).removesuffix(b"data: [DONE]\n\n")
    made = way(hold_back=40)
    out = read(Rewriter(STREAMS[spoken](made)).feed(stream))
    assert len(text_of(out)) == len(said) - 40


def test_a_stream_may_take_longer_than_a_whole_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = way()
    stream = written("responses", events("responses", ["hi"], [packed("anna.smith@example.org")]))
    rewriter = Rewriter(STREAMS["responses"](made))
    place = stream.index(b"event: response.function_call")
    first = rewriter.feed(stream[:place])
    later = time.monotonic() + 3_600
    monkeypatch.setattr(ways, "time", SimpleNamespace(monotonic=lambda: later))
    out = read(first + rewriter.feed(stream[place:]) + rewriter.feed(b""))
    assert json.loads(arguments_of(out)) == json.loads(packed("[EMAIL_ADDRESS]"))
    assert "uninspected" not in made.inspection.told()


def test_values_of_the_request_pass_and_are_restored() -> None:
    made = way("block")
    core = made.inspection.placeholders.standing_for("EMAIL_ADDRESS", "anna.smith@example.org")
    stream = written("messages", events("messages", [f"Is {core} right?"], []))
    once = through(made, "messages", [stream])
    twice = through(Restoring(made.inspection.placeholders.values), "messages", [once])
    assert text_of(read(twice)) == "Is anna.smith@example.org right?"


def test_what_is_over_the_cap_ends_where_the_policy_refuses_and_passes_marked_where_not() -> None:
    said = "word " * 2_000
    stream = written("chat/completions", events("chat/completions", cut(said, range(0, 10_000, 100)), []))
    strict, mild = way(max_bytes=1000), way(max_bytes=1000, when_uninspected="pass")
    ended = read(through(strict, "chat/completions", [stream]))
    assert reasons(ended)[0] == "content_filter"
    assert len(text_of(ended)) <= 1000
    assert text_of(read(through(mild, "chat/completions", [stream]))) == said
    for one in (strict, mild):
        assert one.inspection.told()["uninspected"] == [{"direction": "answer", "reason": "cap"}]


@pytest.mark.parametrize(
    ("spoken", "answer", "empty", "reason"),
    [
        ("chat/completions", {"choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "logprobs": {"content": []}, "finish_reason": "stop"}]}, ["choices", 0, "message", "content"], ["choices", 0, "finish_reason"]),
        ("completions", {"choices": [{"index": 0, "text": "{}", "finish_reason": "stop"}]}, ["choices", 0, "text"], ["choices", 0, "finish_reason"]),
        ("messages", {"content": [{"type": "text", "text": "{}"}], "stop_reason": "end_turn"}, ["content"], ["stop_reason"]),
        ("responses", {"object": "response", "status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "{}"}]}]}, ["output"], ["incomplete_details", "reason"]),
    ],
)  # fmt: skip
def test_whole_answers_are_masked_and_blocked(
    spoken: str, answer: dict[str, Any], empty: list[Any], reason: list[Any]
) -> None:
    said = orjson.loads(orjson.dumps(answer).replace(b"{}", b"I am anna.smith@example.org"))
    made = masked_object(way().inspection, said, spoken)
    assert b"I am [EMAIL_ADDRESS]" in orjson.dumps(made)
    assert b'logprobs":{' not in orjson.dumps(made)
    ended: Any = masked_object(way("block").inspection, said, spoken)
    assert "example.org" not in str(ended)
    assert not at(ended, empty)
    assert at(ended, reason) == END.get(spoken, "content_filter")


def at(value: Any, path: list[Any]) -> Any:
    for part in path:
        value = value[part]
    return value


def test_what_responses_tell_again_is_counted_once() -> None:
    arguments = json.dumps({"to": "anna.smith@example.org", "cards": ["4111 1111 1111 1111"] * 2})
    made = way()
    out = read(through(made, "responses", [written("responses", events("responses", ["Hi"], [arguments]))]))
    assert "example.org" not in str(out)
    counts = {one["type"]: one["count"] for one in made.inspection.told()["findings"]}
    assert counts == {"EMAIL_ADDRESS": 1, "CREDIT_CARD": 2}
