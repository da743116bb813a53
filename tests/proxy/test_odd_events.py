"""What providers send is hostile input: no shape of it is an error of ours, and nothing grows without bound."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.formats.base import Format, Progress
from proxy.formats.chat import Chat
from proxy.formats.chat_assembly import ChatAssembly
from proxy.formats.messages import Messages
from proxy.formats.responses import Responses
from proxy.output import MOST_CALLS, Output

ODD: list[Any] = [None, 5, -1, 1.5, True, "x", [], {}, [5], [None], [[]], {"type": []}, "9" * 50]
FIELDS = {
    "chat": ["choices", "usage", "error", "id"],
    "choice": ["index", "delta", "finish_reason"],
    "delta": ["content", "tool_calls", "function_call", "reasoning_content"],
    "messages": ["type", "index", "delta", "content_block", "message", "usage"],
    "responses": ["type", "item", "response", "delta", "output_index", "error"],
}


def heard(spoken: Format, *events: Any) -> Progress:
    progress = Progress(Output("gpt-4o-mini"))
    for event in events:
        data = orjson.dumps(event)
        spoken.on_event(b"data: " + data + b"\n\n", data, progress, True)
    return progress


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_no_value_of_a_field_is_a_fault(value: Any) -> None:
    for field in FIELDS["chat"]:
        heard(Chat(), {field: value})
    for field in FIELDS["choice"]:
        heard(Chat(), {"choices": [{field: value}]})
    for field in FIELDS["delta"]:
        heard(Chat(), {"choices": [{"delta": {field: value}}]})
        assembly = ChatAssembly()
        assembly.add({"choices": [{"index": 0, "delta": {field: value}}]})
        assembly.answer(None)
    kinds = ("message_start", "message_delta", "content_block_start", "content_block_delta")
    for field in FIELDS["messages"]:
        for kind in kinds:
            heard(Messages(), {"type": kind, field: value})
    heard(Messages(), {"type": "content_block_start", "content_block": {"type": "tool_use", "id": value}})
    for field in FIELDS["responses"]:
        for kind in ("response.output_item.added", "response.completed", "response.output_text.delta"):
            heard(Responses(), {"type": kind, field: value})


def test_identities_of_tool_calls_are_bounded() -> None:
    events = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": number, "id": "x" * 10_000}]}}]}
        for number in range(MOST_CALLS + 500)
    ]
    output = heard(Chat(), *events).output
    assert len(output.calls) == MOST_CALLS
    assert all(len(part) <= 64 for call in output.calls for part in call)


def test_an_error_that_is_null_is_none() -> None:
    assert not heard(Chat(), {"error": None, "choices": [], "usage": None}).failed
