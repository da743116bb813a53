"""Fixtures of this direction, and the vendor's own words on what is right: its SDK checks and puts together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import TypeAdapter

from proxy.formats.base import Terms
from proxy.translation.responses_to_chat import Beyond, ResponsesToChat, responses_to_chat

FIXTURES = Path(__file__).parent / "fixtures" / "responses_to_chat"
NOW = 1_700_000_000
ASKED: TypeAdapter[Any] = TypeAdapter(ResponseCreateParams)
SENT: TypeAdapter[Any] = TypeAdapter(CompletionCreateParams)
COMPLETION: TypeAdapter[Any] = TypeAdapter(ChatCompletion)
CHUNK: TypeAdapter[Any] = TypeAdapter(ChatCompletionChunk)
RESPONSE: TypeAdapter[Any] = TypeAdapter(Response)
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
# Fields that the vendor's chat completions do not have, and that servers and clients use all the same.
OURS = frozenset({"cache_control", "thinking_blocks", "reasoning_content"})
FUNCTION = {
    "type": "function",
    "name": "f",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}
CUSTOM = {"type": "custom", "name": "c"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "ok"}
CUSTOM_CALL = {"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "x"}
CUSTOM_RESULT = {"type": "custom_tool_call_output", "call_id": "call_2", "output": "ok"}
HI = {"role": "user", "content": "Hi"}


def fixtures(kind: str) -> list[str]:
    return sorted(path.stem for path in (FIXTURES / kind).glob("*.json"))


def fixture(kind: str, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", orjson.loads((FIXTURES / kind / f"{name}.json").read_bytes()))


def translate(
    body: Mapping[str, Any], *, beyond: Mapping[str, Any] | None = None, **terms: Any
) -> ResponsesToChat:
    settled = Terms(**{"model": "served", "output_cap": 4096, **terms})
    return responses_to_chat(body, settled, beyond=Beyond(**(beyond or {})), clock=lambda: NOW)


def ask(**fields: Any) -> dict[str, Any]:
    return {"model": "alias", "input": "Hello", **fields}


def takes(*items: Any) -> dict[str, Any]:
    return ask(input=[HI, *items])


def fits(adapter: TypeAdapter[Any], value: Any) -> None:
    """Every required field is there and of its type; the types themselves must know the rest."""
    _read(adapter.validate_python(value))


def _read(value: Any) -> None:
    """Iterables are validated only as they are read."""
    if isinstance(value, Mapping):
        for one in value.values():
            _read(one)
    elif not isinstance(value, (str, bytes)) and isinstance(value, Iterable):
        for one in value:
            _read(one)


def without_ours(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_ours(one) for name, one in value.items() if name not in OURS}
    return [without_ours(one) for one in value] if isinstance(value, list) else value


def events_of(translated: ResponsesToChat, chunks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As they would arrive: each is written before the next is made."""
    back = translated.stream()
    wire = [orjson.dumps(event) for chunk in chunks for event in back.feed(chunk)]
    wire += [orjson.dumps(event) for event in back.end()]
    return [orjson.loads(one) for one in wire]


def accumulated(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The response that the SDK's stream helper ends with."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))
    final = events[-1]["response"]
    if state._completed_response is not None:
        final = orjson.loads(
            state._completed_response.model_dump_json(exclude={"output": {"__all__": {"parsed"}}})
        )
    return cast("dict[str, Any]", final)


def rebuilt(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as a client has them that goes by deltas alone, as agents do."""
    items: dict[int, dict[str, Any]] = {}
    done: dict[int, dict[str, Any]] = {}
    for event in events:
        index = event.get("output_index", -1)
        match event["type"].removeprefix("response."):
            case "output_item.added":
                assert index == len(items)
                items[index] = event["item"]
            case "content_part.added":
                assert event["content_index"] == len(items[index]["content"])
                items[index]["content"].append(event["part"])
            case "output_text.delta":
                items[index]["content"][event["content_index"]]["text"] += event["delta"]
            case "refusal.delta":
                items[index]["content"][event["content_index"]]["refusal"] += event["delta"]
            case "output_text.annotation.added":
                items[index]["content"][event["content_index"]]["annotations"].append(event["annotation"])
            case "output_text.done":
                assert items[index]["content"][event["content_index"]]["text"] == event["text"]
            case "content_part.done":
                assert items[index]["content"][event["content_index"]] == event["part"]
            case "reasoning_summary_part.added":
                items[index]["summary"].append(event["part"])
            case "reasoning_summary_text.delta":
                items[index]["summary"][event["summary_index"]]["text"] += event["delta"]
            case "reasoning_summary_part.done":
                assert items[index]["summary"][event["summary_index"]] == event["part"]
            case "function_call_arguments.delta":
                items[index]["arguments"] += event["delta"]
            case "function_call_arguments.done":
                assert items[index]["arguments"] == event["arguments"]
            case "custom_tool_call_input.delta":
                items[index]["input"] += event["delta"]
            case "custom_tool_call_input.done":
                assert items[index]["input"] == event["input"]
            case "output_item.done":
                assert index not in done
                told = {"status", "encrypted_content"}  # only at the end
                left, right = items[index], event["item"]
                assert {k: left[k] for k in left.keys() - told} == {k: right[k] for k in right.keys() - told}
                done[index] = right
    assert done.keys() == items.keys()
    return [done[index] for index in sorted(done)]
