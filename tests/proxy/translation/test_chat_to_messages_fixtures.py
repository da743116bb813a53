"""Whole requests, answers and streams; each side of a fixture is checked by the SDK of its vendor."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message

from tests.proxy.translation.chat_to_messages_cases import (
    ASKED,
    EVENT,
    FIXTURES,
    OURS,
    SENT,
    accumulated,
    ask,
    assert_fits,
    bare,
    fixture,
    fixtures,
    streamed,
    translate,
    whole_message,
    without,
)


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.json")), ids=lambda path: path.stem)
def test_every_fixture_names_its_origin_and_none_claims_to_be_recorded(path: Any) -> None:
    origin = fixture(path.parent.name, path.stem)["origin"]
    assert {"chat", "messages"} <= origin.keys()
    assert all(one and "recorded" not in one for one in origin.values())


@pytest.mark.parametrize("name", fixtures("requests"))
def test_request_becomes_the_one_that_is_written_down(name: str) -> None:
    case = fixture("requests", name)
    assert_fits(ASKED, without({k: v for k, v in case["chat"].items() if v is not None}, OURS))
    made = translate(case["chat"], model=case["model"], output_cap=case["output_cap"])
    assert made.body == case["messages"]
    # the SDK speaks a version of the API that has no more sampling; translated calls speak the one before
    assert_fits(SENT, without(made.body, frozenset({"temperature", "top_p"})))


@pytest.mark.parametrize("name", fixtures("answers"))
def test_answer_becomes_the_one_that_is_written_down(name: str) -> None:
    case = fixture("answers", name)
    assert Message.model_validate(case["messages"], strict=True)
    answer = translate(ask()).answer(case["messages"])
    assert answer == case["chat"]
    assert bare(answer)


@pytest.mark.parametrize("name", fixtures("streams"))
def test_stream_adds_up_to_the_plain_answer(name: str) -> None:
    case = fixture("streams", name)
    expected = bare(fixture("answers", case["answer"])["chat"])
    assert accumulated(streamed(case["events"])) == expected


@pytest.mark.parametrize("name", fixtures("streams"))
def test_events_of_a_stream_add_up_to_the_message_of_its_answer(name: str) -> None:
    """The two fixtures agree in the eyes of the vendor, so neither is bent to suit us."""
    case = fixture("streams", name)
    events = [event for event in case["events"] if event["type"] != "ping"]
    assert all(EVENT.validate_python(event) for event in events)
    message = whole_message(events)
    answer = translate(ask()).answer(message)
    assert bare(answer) == bare(fixture("answers", case["answer"])["chat"])
