"""What providers send is hostile input: no shape of it is an error of ours, and nothing grows without bound."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.formats.base import Format, Progress
from proxy.formats.chat import Chat
from proxy.formats.chat_assembly import ChatAssembly
from proxy.formats.messages import Messages
from proxy.formats.messages_assembly import MessageAssembly
from proxy.formats.responses import Responses
from proxy.output import MOST_CALLS, Output

ODD: list[Any] = [None, 5, -1, 1.5, True, "x", [], {}, [5], [None], [[]], {"type": []}, "9" * 50]
FIELDS = {
    "chat": ["choices", "usage", "error", "id"],
    "choice": ["index", "delta", "message", "logprobs", "finish_reason"],
    "delta": ["content", "tool_calls", "function_call", "reasoning_content"],
    "messages": ["type", "index", "delta", "content_block", "message", "usage"],
    "block": ["type", "id", "name", "text", "input", "citations", "signature"],
    "responses": ["type", "item", "response", "delta", "output_index", "error"],
}
SAID = "and so on"
STARTED: dict[str, Any] = {"type": "message_start", "message": {"role": "assistant", "content": []}}
TEXT = {"type": "text_delta", "text": SAID}
CITED = {"type": "citations_delta", "citation": {"cited_text": "x"}}


def heard(spoken: Format, *events: Any) -> Progress:
    progress = Progress(Output("gpt-4o-mini"))
    for event in events:
        data = orjson.dumps(event)
        spoken.on_event(b"data: " + data + b"\n\n", data, progress, True)
    return progress


def goes_on(spoken: Format, odd: Any, sound: Any) -> None:
    """What comes after an odd event is heard, and charged."""
    progress = heard(spoken, odd, sound)
    assert progress.output.texts[-1] == SAID, odd
    assert progress.output.size >= len(SAID)


@pytest.mark.parametrize("spoken", [Chat(), Messages(), Responses()], ids=["chat", "messages", "responses"])
@pytest.mark.parametrize("data", [b"no JSON at all", b'"a text"', b'["a", "list"]', b"\xff\xfe", b"4" * 4000])
def test_event_that_is_no_object_passes_and_counts_as_written(spoken: Format, data: bytes) -> None:
    """Else a provider could send what it likes past every limit on output."""
    progress = Progress(Output("gpt-4o-mini"))
    raw = b"data: " + data + b"\n\n"
    assert spoken.on_event(raw, data, progress, True) == raw
    assert progress.output.bound >= len(data)
    for silent, nothing in (
        (b": keep-alive\n\n", None),
        (b"data:\n\n", b""),
        (b"data: [DONE]\n\n", b"[DONE]"),
    ):
        before = progress.output.size
        spoken.on_event(silent, nothing, progress, True)
        assert progress.output.size == before


def delta(name: str, value: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {name: value}}]}


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_no_value_of_a_field_keeps_us_from_what_follows(value: Any) -> None:
    sound = delta("content", SAID)
    for field in FIELDS["chat"]:
        goes_on(Chat(), {field: value}, sound)
    for field in FIELDS["choice"]:
        goes_on(Chat(), {"choices": [{field: value}]}, sound)
    for field in FIELDS["delta"]:
        goes_on(Chat(), delta(field, value), sound)
    sound = {"type": "content_block_delta", "index": 0, "delta": TEXT}
    for field in FIELDS["messages"]:
        for kind in ("message_start", "message_delta", "content_block_start", "content_block_delta"):
            goes_on(Messages(), {"type": kind, field: value}, sound)
    for field in FIELDS["block"]:
        block = {"type": "tool_use", field: value}
        goes_on(Messages(), {"type": "content_block_start", "content_block": block}, sound)
    sound = {"type": "response.output_text.delta", "delta": SAID}
    for field in FIELDS["responses"]:
        for kind in ("response.output_item.added", "response.completed", "response.output_text.delta"):
            goes_on(Responses(), {"type": kind, field: value}, sound)


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_no_value_of_a_field_keeps_a_plain_answer_from_being_put_together(value: Any) -> None:
    odd: list[dict[str, Any]] = [
        *({field: value} for field in FIELDS["chat"]),
        *({"choices": [{"index": 0, field: value}]} for field in FIELDS["choice"]),
        *(delta(field, value) for field in FIELDS["delta"]),
    ]
    for event in odd:
        assembly = ChatAssembly()
        for one in (event, {"choices": [{"index": 2, "delta": {"content": SAID, "tool_calls": []}}]}, event):
            assembly.add(one)
        assert SAID in [choice["message"]["content"] for choice in assembly.answer(None)["choices"]], event


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_no_value_of_a_field_keeps_a_plain_message_from_being_put_together(value: Any) -> None:
    for field in FIELDS["block"]:
        assembly = MessageAssembly()
        assembly.add(STARTED)
        odd: dict[str, Any] = {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", field: value},
        }
        told = [{"type": "content_block_delta", "index": 0, "delta": one} for one in (TEXT, CITED)]
        for event in (odd, *told):
            assembly.add(event)
        [block] = assembly.answer(None)["content"]
        assert block["text"].endswith(SAID), field
        assert block["citations"][-1] == CITED["citation"], field


def test_texts_are_counted_however_deep_they_lie() -> None:
    deep = b"[" * 1_000 + b'"%b"' % SAID.encode() + b"]" * 1_000
    parts = b'{"choices":[{"index":0,"delta":{"content":%b}}]}' % deep
    given = (
        b'{"type":"content_block_start","content_block":{"type":"tool_use","name":"f","input":{"a":%b}}}'
        % deep
    )
    told: list[tuple[Format, bytes]] = [(Chat(), parts), (Messages(), given)]
    for spoken, data in told:
        progress = Progress(Output("gpt-4o-mini"))
        spoken.on_event(b"data: " + data + b"\n\n", data, progress, True)
        assert progress.output.texts[-1] == SAID


def test_arguments_that_are_no_text_are_counted() -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": {"a": SAID}}}
    assert heard(Chat(), delta("tool_calls", [call])).output.texts == ["f", f'{{"a":"{SAID}"}}']


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


def test_an_end_that_says_nothing_was_written_is_not_believed() -> None:
    """As our own is, when an answer is ended for what was found in it."""
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 0}}}
    end = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 0}}
    told = heard(Messages(), start, {"type": "content_block_delta", "index": 0, "delta": TEXT}, end)
    assert (told.early, told.output.unknown) == (True, len(SAID))  # what was written is counted
    nothing = heard(Messages(), start, end)
    assert (nothing.early, nothing.usage and nothing.usage.output_tokens) == (False, 0)
