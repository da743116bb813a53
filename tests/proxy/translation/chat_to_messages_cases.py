"""Fixtures of this direction, and the vendors' own words on what is right: their SDKs check and put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from proxy.formats.base import Terms
from proxy.translation.chat_to_messages import ChatToMessages, chat_to_messages

FIXTURES = Path(__file__).parent / "fixtures" / "chat_to_messages"
NOW = 1_700_000_000
ASKED: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
SENT: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
# Fields that the vendor's chat completions do not have, and that clients send and read all the same.
OURS = frozenset({"cache_control", "thinking_blocks", "reasoning_content", "thinking"})


def fixtures(kind: str) -> list[str]:
    return sorted(path.stem for path in (FIXTURES / kind).glob("*.json"))


def fixture(kind: str, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", orjson.loads((FIXTURES / kind / f"{name}.json").read_bytes()))


def translate(body: Mapping[str, Any], model: str = "claude-sonnet-4-5", **terms: Any) -> ChatToMessages:
    settled = Terms(model=model, **{"output_cap": 4096, **terms})
    return chat_to_messages(body, settled, clock=lambda: NOW)


def ask(**fields: Any) -> dict[str, Any]:
    return {"model": "alias", "messages": [{"role": "user", "content": "Hello"}], **fields}


def assert_fits(adapter: TypeAdapter[Any], body: Any) -> None:
    """Validation leaves out what the types do not name, so whatever is lost was wrong."""
    assert _whole(adapter.validate_python(body)) == body


def _whole(value: Any) -> Any:
    """Iterables are validated only as they are read."""
    if isinstance(value, Mapping):
        return {name: _whole(one) for name, one in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    return [_whole(one) for one in value]


def without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: without(one, names) for name, one in value.items() if name not in names}
    return [without(one, names) for one in value] if isinstance(value, list) else value


def streamed(
    events: Iterable[Mapping[str, Any]], body: Mapping[str, Any] | None = None, wants_usage: bool = True
) -> list[dict[str, Any]]:
    stream = translate(body or ask(), stream=True, wants_usage=wants_usage).stream()
    chunks = [chunk for event in events for chunk in stream.feed(event)]
    return chunks + stream.end()


def accumulated(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What OpenAI's SDK makes of the chunks, as `bare` as a plain answer."""
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    return bare(state.current_completion_snapshot.to_dict())


def bare(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Without nulls, and without what only streams or only the SDK's snapshots have."""
    assert ChatCompletion.model_validate({**answer, "object": "chat.completion"}, strict=True)
    return cast("dict[str, Any]", _bare({**answer, "object": "chat.completion"}))


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _bare(one) for name, one in value.items() if one is not None}
        if "finish_reason" not in kept:
            kept.pop("index", None)
        kept.pop("parsed_arguments", None)
        return kept
    return [_bare(one) for one in value] if isinstance(value, list) else value


def whole_message(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What Anthropic's SDK makes of the events."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        parsed = EVENT.validate_python(event)
        snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    return cast("dict[str, Any]", Message.model_validate(snapshot.to_dict()).to_dict())
