"""Whole requests, answers and streams, word for word; the vendor's SDK reads both sides of each."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.proxy.translation.responses_to_chat_cases import (
    ASKED,
    CHUNK,
    COMPLETION,
    EVENT,
    RESPONSE,
    SENT,
    accumulated,
    ask,
    events_of,
    fits,
    fixture,
    fixtures,
    rebuilt,
    translate,
    without_ours,
)


@pytest.mark.parametrize("kind", ["requests", "answers", "streams"])
def test_every_fixture_names_its_origin(kind: str) -> None:
    names = fixtures(kind)
    assert names
    for name in names:
        assert fixture(kind, name)["origin"]


@pytest.mark.parametrize("name", fixtures("requests"))
def test_request_becomes_what_the_fixture_says(name: str) -> None:
    case = fixture("requests", name)
    fits(ASKED, case["responses"])
    made = translate(case["responses"], beyond=case.get("beyond"), **case.get("terms", {}))
    assert made.body == case["chat"]
    assert made.terms.dropped == case.get("dropped", [])
    sent = made.body if "beyond" in case else without_ours(made.body)
    if "beyond" not in case:
        assert sent == made.body  # nothing of ours for servers that did not ask
        fits(SENT, sent)


def _named(value: Any, stem: str) -> Any:
    """Ids are made up for each call."""
    return orjson.loads(orjson.dumps(value).replace(stem.encode(), b"STEM"))


@pytest.mark.parametrize("name", fixtures("answers"))
def test_answer_becomes_what_the_fixture_says(name: str) -> None:
    case = fixture("answers", name)
    fits(COMPLETION, without_ours(case["chat"]))
    made = translate(ask(**case["asked"]))
    response = made.answer(case["chat"])
    fits(RESPONSE, response)
    told = _named(response, made.stem)
    assert {field: told[field] for field in case["responses"]} == case["responses"]


@pytest.mark.parametrize("name", fixtures("streams"))
def test_stream_becomes_what_the_fixture_says(name: str) -> None:
    case = fixture("streams", name)
    for chunk in case["chat"]:
        fits(CHUNK, without_ours(chunk))
    made = translate(ask(**case["asked"]), stream=True)
    events = events_of(made, case["chat"])
    for event in events:
        fits(EVENT, event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    shown = [
        {field: value for field, value in event.items() if field not in ("response", "sequence_number")}
        for event in _named(events, made.stem)
    ]
    assert shown == case["responses"]
    assert rebuilt(events) == events[-1]["response"]["output"]
    assert accumulated(events)["id"] == events[0]["response"]["id"]


@pytest.mark.parametrize("name", fixtures("streams"))
def test_stream_ends_with_the_response_that_a_plain_answer_gives(name: str) -> None:
    case = fixture("streams", name)
    made = translate(ask(**case["asked"]), stream=True)
    events = events_of(made, case["chat"])
    assert events[-1]["response"] == made.answer(fixture("answers", case["answer"])["chat"])
