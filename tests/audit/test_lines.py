"""What COPY has to escape, and what the quick way past all cleaning leaves as it is."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from audit import chain
from tests.audit.conftest import Feed

ODD = ["a\tb", "a\nb", "a\rb", "\\N", "a\\tb", '"quoted"', "\x0b\x1f", "é€😀\u2028", "\\", ""]


@pytest.mark.parametrize(
    "write", [json.dumps, lambda event: orjson.dumps(event).decode()], ids=["escaped", "raw"]
)
def test_odd_texts_come_back_as_they_were_sent(feed: Feed, write: Any) -> None:
    for text in ODD:
        feed.send(write(feed.call(end_user=text, detail={"tags": {text: text}, "list": [text, 1]})))
    feed.write()
    found = [event for event in feed.exported() if event["kind"] == "call"]
    assert [event["end_user"] for event in found] == ODD
    assert [event["tags"] for event in found] == [{text: text} for text in ODD]
    assert [event["list"] for event in found] == [[text, 1] for text in ODD]
    assert [event["hash"] for event in found] == [chain.link(event) for event in found]


def test_absent_column_is_not_filled_from_the_long_tail(feed: Feed) -> None:
    feed.send(feed.call(detail={"limit": "told", "corrects": "told", "retention": "told"}))
    feed.write()
    (row,) = [row for row in feed.rows() if row.kind == "call"]
    assert (row.limit, row.corrects) == (None, None)
    assert row.detail == {"limit": "told", "corrects": "told", "retention": "told"}
    event = feed.exported()[-1]
    assert chain.link(event) == event["hash"]


@pytest.mark.parametrize(
    "detail", [{"a": None}, {"a": [0.5, -0.0, 1e300]}, {"a": 2**63 + 1}, {"a": [{}] * 300}], ids=repr
)
def test_what_is_no_plain_text_or_number_has_its_hash(feed: Feed, detail: dict[str, Any]) -> None:
    feed.send(orjson.dumps(feed.call(detail=detail)).decode())
    feed.write()
    event = feed.exported()[-1]
    assert event["kind"] == "call"
    assert chain.link(event) == event["hash"]


def test_nesting_of_any_depth_stops_nothing(feed: Feed) -> None:
    for depth in (150, 240, 260, 600, 900):
        text = json.dumps(feed.call(detail={"deep": "HERE"}))
        feed.send(text.replace('"HERE"', "[" * depth + '"x"' + "]" * depth))
    feed.send(feed.call(end_user="after"))
    feed.write()
    last = [event for event in feed.exported() if event["kind"] == "call"][-1]  # acts tell of dead letters
    assert last["end_user"] == "after"
    assert chain.link(last) == last["hash"]
