"""Clients of responses before models of Anthropic: both translations in a row, by Anthropic's own events."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.formats.base import Terms
from proxy.translation.base import Translated
from proxy.translation.chat_to_messages import chat_to_messages
from proxy.translation.composed import composed
from proxy.translation.responses_to_chat import responses_to_our_chat
from tests.proxy.translation import chat_to_messages_cases as anthropic
from tests.proxy.translation.responses_to_chat_cases import EVENT, RESPONSE, accumulated, fits, rebuilt

ASKED: dict[str, Any] = {
    "model": "alias",
    "instructions": "You are an agent.",
    "input": [{"role": "user", "content": "Weather?"}],
    "tools": [
        {
            "type": "function",
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            "strict": False,
        },
        {"type": "custom", "name": "apply_patch"},
    ],
    "include": ["reasoning.encrypted_content"],
    "store": False,
}


def translate(body: dict[str, Any]) -> Translated:
    terms = Terms(model="claude-sonnet-4-5", output_cap=4096)
    return composed(responses_to_our_chat, chat_to_messages)(body, terms)


def streamed(translated: Translated, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    back = translated.stream()
    events = [event for one in given for event in back.feed(one)] + back.end()
    return [orjson.loads(orjson.dumps(event)) for event in events]


@pytest.mark.parametrize("name", anthropic.fixtures("streams"))
def test_every_stream_of_anthropic_is_one_of_responses_with_usage(name: str) -> None:
    events = streamed(translate(ASKED), anthropic.fixture("streams", name)["events"])
    for event in events:
        fits(EVENT, event)
    final = events[-1]["response"]
    fits(RESPONSE, final)
    assert rebuilt(events) == final["output"]
    assert accumulated(events)["id"] == final["id"]
    assert final["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("kind", ["answer", "stream"])
def test_thinking_comes_back_to_anthropic_as_it_was_signed(kind: str) -> None:
    """An agent sends the items of the response, and with them what `encrypted_content` holds."""
    given = anthropic.fixture("streams", "thinking")
    first = translate(ASKED)
    if kind == "stream":
        output = streamed(first, given["events"])[-1]["response"]["output"]
    else:
        output = first.answer(anthropic.fixture("answers", given["answer"])["messages"])["output"]
    again = translate({**ASKED, "input": [*ASKED["input"], *output, {"role": "user", "content": "Go on."}]})
    thought = [one for one in again.body["messages"][1]["content"] if "thinking" in one["type"]]
    signed = anthropic.fixture("answers", given["answer"])["messages"]["content"]
    assert thought == [one for one in signed if "thinking" in one["type"]]
    assert thought


def test_picture_that_a_tool_gives_reaches_anthropic() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    items = [
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [picture]},
    ]
    result = translate({**ASKED, "input": [*ASKED["input"], *items]}).body["messages"][2]["content"][0]
    assert result["content"][0]["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"}
