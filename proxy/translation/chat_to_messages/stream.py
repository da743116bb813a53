"""A stream of Anthropic's as one of chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.formats.base import Unreadable
from proxy.translation.chat_to_messages.blocks import (
    citation,
    completion_id,
    finish_reason,
    model_name,
    objects,
    refusal,
    thought,
    tier,
    usage_of,
    written,
)

MOST_BLOCKS = 4_096  # of one answer: citations cut a text into many
MOST_OPEN = 64  # at one time
MOST_HELD = 4_000_000  # characters that wait for the end of their block
COUNTED = frozenset(
    [
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "cache_creation",
        "output_tokens_details",
        "service_tier",
    ]
)

Chunk = dict[str, Any]


@dataclass(slots=True)
class Block:
    """A block of the answer that is not finished."""

    type: str
    number: int = 0  # of a tool call
    start: int = 0  # where a text begins in the whole
    arguments: str = "{}"  # of a call whose fragments do not come
    fragments: bool = False
    texts: list[str] = field(default_factory=list)  # thinking
    signature: Any = None
    data: Any = None
    citations: list[dict[str, Any]] = field(default_factory=list)


class ChatStream:
    def __init__(self, *, model: str, older: bool, wants_usage: bool, created: int) -> None:
        self.older = older
        self.wants_usage = wants_usage
        self.head: Chunk = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self.usage: dict[str, Any] = {}
        self.stop_reason: Any = None
        self.refusal: str | None = None
        self.begun = False
        self.open: dict[int, Block] = {}
        self.blocks = self.calls = self.held = self.length = 0
        self.listed: dict[str, int] = {}  # how much of each list of the message was sent

    def feed(self, chunk: Mapping[str, Any]) -> list[Chunk]:
        match chunk.get("type"):
            case "message_start":
                return self._on_start(chunk)
            case "content_block_start":
                return self._on_block(chunk)
            case "content_block_delta":
                return self._on_delta(chunk)
            case "content_block_stop":
                block = self.open.pop(_index(chunk), None)
                return [] if block is None else self._close(block)
            case "message_delta":
                self._on_message_delta(chunk)
        return []

    def end(self) -> list[Chunk]:
        made: list[Chunk] = []
        for index in sorted(self.open):
            made += self._close(self.open[index])
        self.open.clear()
        if self.refusal is not None:
            made += self._write({"refusal": self.refusal})
        made += self._write({}, finish_reason(self.stop_reason, self.older))
        usage = usage_of(self.usage)
        if self.wants_usage and usage is not None:
            made.append({**self.head, "choices": [], "usage": usage})
        return made

    def _write(self, delta: dict[str, Any], finish: str | None = None) -> list[Chunk]:
        made = []
        if not self.begun:
            self.begun = True
            self.head["id"] = self.head["id"] or completion_id(None)
            made.append(self._chunk({"role": "assistant"}, None))
        made.append(self._chunk(delta, finish))
        return made

    def _chunk(self, delta: dict[str, Any], finish: str | None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        made = {**self.head, "choices": [choice]}
        if self.wants_usage:
            made["usage"] = None
        return made

    def _on_start(self, chunk: Mapping[str, Any]) -> list[Chunk]:
        message = chunk.get("message")
        if self.begun or not isinstance(message, dict):
            return []
        self.begun = True
        self.head["id"] = completion_id(message.get("id"))
        self.head["model"] = model_name(message.get("model"), self.head["model"])
        self._count(message.get("usage"))
        if (served := tier(self.usage)) is not None:
            self.head["service_tier"] = served
        return [self._chunk({"role": "assistant"}, None)]

    def _on_message_delta(self, chunk: Mapping[str, Any]) -> None:
        delta = chunk.get("delta")
        if isinstance(delta, dict):
            if delta.get("stop_reason") is not None:
                self.stop_reason = delta["stop_reason"]
            self.refusal = refusal(delta.get("stop_details")) or self.refusal
        self._count(chunk.get("usage"))

    def _count(self, usage: Any) -> None:
        """Counts run along: the last of each name stands."""
        if isinstance(usage, dict):
            self.usage |= {name: usage[name] for name in COUNTED if usage.get(name) is not None}

    def _on_block(self, chunk: Mapping[str, Any]) -> list[Chunk]:
        index, found = _index(chunk), chunk.get("content_block")
        if index < 0 or not isinstance(found, dict):
            return []
        before = self.open.pop(index, None)
        made = [] if before is None else self._close(before)
        match found.get("type"):
            case "text":
                block = Block("text", start=self.length)
                made += self._text(block, found.get("text"))
                for one in objects(found.get("citations")):
                    self._cite(block, one)
            case "thinking":
                block = Block("thinking", signature=self._hold(found.get("signature")))
                made += self._think(block, found.get("thinking"))
            case "redacted_thinking":
                block = Block("redacted_thinking", data=self._hold(found.get("data")))
            case "tool_use" if isinstance(found.get("name"), str) and not (self.older and self.calls):
                block = Block("tool_use", number=self.calls)
                made += self._call(block, found)
            case _:
                return made
        self.blocks += 1
        self.open[index] = block
        if self.blocks > MOST_BLOCKS or len(self.open) > MOST_OPEN:
            raise Unreadable("more blocks than any answer has")
        return made

    def _on_delta(self, chunk: Mapping[str, Any]) -> list[Chunk]:
        block, delta = self.open.get(_index(chunk)), chunk.get("delta")
        if block is None or not isinstance(delta, dict):
            return []
        match block.type, delta.get("type"):
            case "text", "text_delta":
                return self._text(block, delta.get("text"))
            case "text", "citations_delta":
                self._cite(block, delta.get("citation"))
            case "thinking", "thinking_delta":
                return self._think(block, delta.get("thinking"))
            case "thinking", "signature_delta":
                block.signature = self._hold(delta.get("signature"))
            case "tool_use", "input_json_delta":
                return self._argue(block, delta.get("partial_json"))
        return []

    def _text(self, block: Block, text: Any) -> list[Chunk]:
        if not isinstance(text, str) or not text:
            return []
        self.length += len(text)
        return self._write({"content": text})

    def _cite(self, block: Block, found: Any) -> None:
        if isinstance(found, dict):
            self._hold(written(found))
            block.citations.append(found)

    def _think(self, block: Block, text: Any) -> list[Chunk]:
        if not isinstance(text, str) or not text:
            return []
        block.texts.append(self._hold(text))
        return self._write({"reasoning_content": text})

    def _call(self, block: Block, found: Mapping[str, Any]) -> list[Chunk]:
        named, function = found.get("id"), {"name": found["name"], "arguments": ""}
        if found.get("input"):  # a server that gives it at once
            block.arguments = self._hold(written(found["input"]))
        self.calls += 1
        if self.older:
            return self._write({"function_call": function})
        call = {
            "index": block.number,
            "id": named if isinstance(named, str) and named else f"call_{block.number}",
            "type": "function",
            "function": function,
        }
        return self._write({"tool_calls": [call]})

    def _argue(self, block: Block, fragment: Any) -> list[Chunk]:
        if not isinstance(fragment, str) or not fragment:
            return []
        block.fragments = True
        if self.older:
            return self._write({"function_call": {"arguments": fragment}})
        return self._write({"tool_calls": [{"index": block.number, "function": {"arguments": fragment}}]})

    def _close(self, block: Block) -> list[Chunk]:
        if block.type == "tool_use":
            return [] if block.fragments else self._argue(block, block.arguments)
        if block.type == "text":
            return self._sources(block)
        whole = {"type": block.type, "signature": block.signature, "data": block.data}
        kept = thought({**whole, "thinking": "".join(block.texts)})
        return [] if kept is None else self._list({"thinking_blocks": [kept]})

    def _sources(self, block: Block) -> list[Chunk]:
        lists: dict[str, list[Any]] = {}
        for one in block.citations:
            name, cited = citation(one, block.start, self.length)
            lists.setdefault(name, []).append(cited)
        return self._list(lists) if lists else []

    def _list(self, lists: dict[str, list[Any]]) -> list[Chunk]:
        """Items of lists bear their place: clients that put deltas together match them by it."""
        for name, items in lists.items():
            before = self.listed.get(name, 0)
            lists[name] = [{"index": before + place, **item} for place, item in enumerate(items)]
            self.listed[name] = before + len(items)
        return self._write(lists)

    def _hold(self, value: Any) -> Any:
        if isinstance(value, str):
            self.held += len(value)
            if self.held > MOST_HELD:
                raise Unreadable("blocks that are longer than any answer")
        return value


def _index(chunk: Mapping[str, Any]) -> int:
    """-1 for none."""
    index = chunk.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else -1
