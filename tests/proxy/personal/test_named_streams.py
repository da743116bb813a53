"""Answers whose names the model finds: masked as they stream, sentence by sentence, and what becomes of it where it is away."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.findings import Finding
from dlp.names.wire import Reason
from dlp.placeholders import Placeholders
from dlp.policy import inspecting
from proxy.personal.answers import Rewriter, masked_object
from proxy.personal.asking import Said
from proxy.personal.findings import Findings
from proxy.personal.inspection import Inspection
from proxy.personal.streams import STREAMS
from proxy.personal.ways import MOST_LATE, MOST_OF_A_SENTENCE, Masking
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

FINDINGS = Findings()
THREADS = ThreadPoolExecutor(1)
NAME = re.compile("Ada Lovelace|Grace")
END = {"messages": "refusal"}


class Model:
    """Knows two names. `missed`: why it does not answer."""

    def __init__(self, missed: Reason | None = None, name: re.Pattern[str] = NAME) -> None:
        self.missed = missed
        self.name = name
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Said:
        self.asked.append(list(texts))
        if self.missed is not None:
            return Said({}, self.missed)
        return Said(
            {
                text: tuple(
                    Finding(*one.span(), "PERSON", 0.9, "model.person") for one in self.name.finditer(text)
                )
                for text in texts
            }
        )


def way(model: Model, action: str = "mask", names: dict[str, Any] | None = None, **more: Any) -> Masking:
    rules = [{"types": ["PERSON", "EMAIL_ADDRESS"], "action": action}]
    said = {"rules": rules, "names": {"by": "model", **(names or {})}, **more}
    policy = inspecting([policy_document({"dlp": said})])
    assert policy is not None
    key = b"k" * 32
    inspection = Inspection(policy, FINDINGS, "o", key, Placeholders(key), THREADS, 1_000_000)
    inspection.wait = model
    return Masking(inspection)


def hidden(said: str) -> str:
    return NAME.sub("[PERSON]", said).replace("a.b@example.org", "[EMAIL_ADDRESS]")


prose = st.lists(
    st.sampled_from(
        ["Ada Lovelace", "Grace", "a.b@example.org", "wrote it.", "🙂 é", "\n\n", "Is it so?", "then"]
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("spoken", FORMATS)
@given(parts=prose, texts=st.lists(st.integers(0, 200), max_size=30), hold_back=st.sampled_from([0, 20, 128]))
@settings(max_examples=25, deadline=None)
def test_any_cut_is_masked_alike(spoken: str, parts: list[str], texts: list[int], hold_back: int) -> None:
    said = " ".join(parts) + " "
    arguments = packed(said)
    stream = written(spoken, events(spoken, cut(said, texts), cut(arguments, texts)))
    made = way(Model(), hold_back=max(hold_back, 20))
    out = read(through(made, spoken, [stream]))
    assert text_of(out) == hidden(said)
    if spoken != "completions":
        assert json.loads(arguments_of(out)) == json.loads(packed(hidden(said)))
    assert NAME.search(orjson.dumps(out).decode()) is None
    assert "uninspected" not in made.inspection.told()


@pytest.mark.parametrize("spoken", FORMATS)
def test_model_is_asked_at_the_ends_of_sentences(spoken: str) -> None:
    said = "So it was written by hand at last. " * 40
    model = Model()
    stream = written(spoken, events(spoken, cut(said, range(0, 2000, 4)), ["{}"]))
    through(way(model), spoken, [stream])
    assert 35 <= len(model.asked) <= 45
    assert all(one[0].startswith(" ") or "So it was" in one[0] for one in model.asked)


def test_what_does_not_end_waits_no_longer_than_that() -> None:
    said = "word " * 300
    stream = written("messages", events("messages", cut(said, range(0, 1500, 5)), []))
    model = Model()
    made = way(model)
    place = stream.index(b"event: content_block_stop")
    out = read(Rewriter(STREAMS["messages"](made)).feed(stream[:place]))
    assert len(said) - len(text_of(out)) <= MOST_OF_A_SENTENCE + 128 + 5
    assert len(model.asked) <= len(said) // MOST_OF_A_SENTENCE + 1


def test_name_over_the_end_of_a_sentence_is_kept_whole_and_not_asked_of_again_and_again() -> None:
    said = "So says Grace. Hopper the first" + "".join(f", and on it goes {number}" for number in range(30))
    model = Model(name=re.compile("Grace. Hopper"))
    stream = written("messages", events("messages", cut(said, range(0, 900, 3)), []))
    out = text_of(read(through(way(model, hold_back=20), "messages", [stream])))
    assert out == said.replace("Grace. Hopper", "[PERSON]")
    assert len(model.asked) <= 4


@pytest.mark.parametrize("spoken", FORMATS)
def test_block_ends_the_stream_before_the_name(spoken: str) -> None:
    said = "Hello there. " * 30 + "Write to Ada Lovelace today. " + "And on. " * 60
    made = way(Model(), "block")
    result = through(made, spoken, [written(spoken, events(spoken, cut(said, range(0, 2000, 7)), ["{}"]))])
    assert text_of(read(result)) == said.partition("Ada")[0]
    assert reasons(read(result)) == [END.get(spoken, "content_filter")]


@pytest.mark.parametrize("spoken", FORMATS)
def test_answer_ends_before_what_the_model_did_not_look_at(spoken: str) -> None:
    made = way(Model(Reason.FULL))
    said = "Hello there. " * 30
    result = through(made, spoken, [written(spoken, events(spoken, cut(said, range(0, 900, 9)), ["{}"]))])
    assert text_of(read(result)) == ""
    assert reasons(read(result)) == [END.get(spoken, "content_filter")]
    assert made.inspection.told() == {
        "uninspected": [{"direction": "answer", "reason": "full", "what": "names"}]
    }


@pytest.mark.parametrize("spoken", FORMATS)
def test_answer_passes_marked_and_rules_look_all_the_same_where_the_policy_says_so(spoken: str) -> None:
    said = "Ask a.b@example.org, or Ada Lovelace. " * 30
    model = Model(Reason.LATE)
    made = way(model, names={"when_uninspected": "pass"})
    result = through(made, spoken, [written(spoken, events(spoken, cut(said, range(0, 1200, 9)), ["{}"]))])
    assert text_of(read(result)) == said.replace("a.b@example.org", "[EMAIL_ADDRESS]")
    assert len(model.asked) == MOST_LATE
    assert made.inspection.told()["uninspected"] == [
        {"direction": "answer", "reason": "deadline", "what": "names"}
    ]


WHOLE: dict[str, dict[str, Any]] = {
    "chat/completions": {"choices": [{"index": 0, "message": {"content": "{}"}}, {"index": 1, "message": {"content": "Grace"}}]},
    "messages": {"content": [{"type": "text", "text": "{}"}], "stop_reason": "end_turn"},
    "responses": {"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": "{}"}]}]},
}  # fmt: skip


@pytest.mark.parametrize("spoken", WHOLE)
def test_whole_answers_are_asked_of_in_one_go(spoken: str) -> None:
    said = orjson.loads(orjson.dumps(WHOLE[spoken]).replace(b"{}", b"I am Ada Lovelace"))
    model = Model()
    made = masked_object(way(model).inspection, said, spoken)
    assert b"I am [PERSON]" in orjson.dumps(made)
    assert len(model.asked) == 1
    assert NAME.search(orjson.dumps(made).decode()) is None
    ended = masked_object(way(Model(Reason.AWAY)).inspection, said, spoken)
    assert b"I am" not in orjson.dumps(ended)


def test_values_of_a_tool_calls_arguments_are_asked_of_in_one_go() -> None:
    model = Model()
    arguments = json.dumps({"to": "Ada Lovelace", "from": {"name": "Grace"}, "about": "nothing"})
    stream = written("messages", events("messages", ["hi"], cut(arguments, [9, 30])))
    out = read(through(way(model), "messages", [stream]))
    assert json.loads(arguments_of(out)) == {
        "to": "[PERSON]",
        "from": {"name": "[PERSON]"},
        "about": "nothing",
    }
    assert ["Ada Lovelace", "Grace", "nothing"] in model.asked


def test_placeholders_are_left_to_be_turned_back() -> None:
    made = way(Model())
    core = made.inspection.placeholders.standing_for("PERSON", "Ada Lovelace")
    out = read(
        through(made, "messages", [written("messages", events("messages", [f"Is {core} Grace? "], []))])
    )
    assert text_of(out) == f"Is {core} [PERSON]? "
