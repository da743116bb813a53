"""What the tests of this direction share: the vendors' own types as judges, and the fixtures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter
from typing_extensions import get_type_hints

from orbit.lib.errors import Code, OrbitError
from proxy.formats.base import Terms
from proxy.formats.chat_options import Options
from proxy.translation.messages_to_chat import MessagesToChat, messages_to_chat
from tenants.untranslatable import Dropping

Block = dict[str, Any]

FIXTURES = Path(__file__).parent / "fixtures" / "messages_to_chat"
HELLO = [{"role": "user", "content": "Hello"}]
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
PLAIN: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
STREAMED: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)
FIELDS = get_type_hints(CompletionCreateParamsStreaming).keys()
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def fixture(name: str) -> dict[str, Any]:
    found = orjson.loads((FIXTURES / f"{name}.json").read_bytes())
    assert found["origin"]
    return cast("dict[str, Any]", found)


def terms(*, stream: bool = False, drop: Iterable[str] = ()) -> Terms:
    return Terms(
        model="gpt-x",
        output_cap=500,
        stream=stream,
        drop=Dropping((None if "*" in drop else frozenset(drop),)),
    )


def translated(options: Options | None = None, settled: Terms | None = None, **fields: Any) -> MessagesToChat:
    """A request of these fields, judged by OpenAI's own types."""
    body = {"model": "alias", "max_tokens": 1000, "messages": HELLO, **fields}
    settled = settled or terms()
    made = messages_to_chat(body, replace(settled, chat=options or Options(), dropped=settled.dropped))
    sent = orjson.loads(orjson.dumps(made.body))
    walk((STREAMED if settled.stream else PLAIN).validate_python(sent))
    assert sent.keys() <= FIELDS
    return made


def walk(value: Any) -> None:
    """Pydantic validates what is declared as iterable only when it is iterated."""
    if isinstance(value, Mapping):
        for inner in value.values():
            walk(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for inner in value:
            walk(inner)


def sent(options: Options | None = None, settled: Terms | None = None, **fields: Any) -> dict[str, Any]:
    return translated(options, settled, **fields).body


def user(*blocks: Block | str) -> dict[str, Any]:
    return {"role": "user", "content": [text(one) if isinstance(one, str) else one for one in blocks]}


def assistant(*blocks: Block | str) -> dict[str, Any]:
    return {"role": "assistant", "content": [text(one) if isinstance(one, str) else one for one in blocks]}


def text(said: str) -> Block:
    return {"type": "text", "text": said}


def use(call: str, name: str = "f", **given: Any) -> Block:
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def result(call: str, content: Any = "ok", **fields: Any) -> Block:
    return {"type": "tool_result", "tool_use_id": call, "content": content, **fields}


def tool(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": OPEN, **fields}


def messages(*given: dict[str, Any], options: Options | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sent(options, messages=list(given))["messages"]
    return found


def parts(*blocks: Block | str) -> Any:
    (message,) = messages(user(*blocks))
    return message["content"]


def refused(*given: dict[str, Any], **fields: Any) -> str | None:
    with pytest.raises(OrbitError) as caught:
        translated(**fields | ({"messages": list(given)} if given else {}))
    assert caught.value.code is Code.INVALID_REQUEST
    return caught.value.param


def streamed(made: MessagesToChat, chunks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    stream = made.stream()
    events = [event for chunk in chunks for event in stream.feed(chunk)]
    return events + stream.end()


def accumulated(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What Anthropic's SDK makes of the events, each of which is one of its own, in the order that it demands."""
    events = list(events)
    check_order(events)
    snapshot = None
    buffers: dict[int, bytes] = {}
    for event in events:
        parsed = EVENT.validate_python(event)
        snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    return message(snapshot.to_dict(mode="json"))


def message(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer that say something, as the SDK reads them."""
    return Message.model_validate(answer).model_dump(mode="json", exclude_none=True)


def check_order(events: list[dict[str, Any]]) -> None:
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    index, opened = -1, False
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert not opened
            index, opened = index + 1, True
        else:
            assert opened
            opened = event["type"] != "content_block_stop"
        assert event["index"] == index
    assert not opened
