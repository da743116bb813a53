"""A plain message out of the events of a stream, as the provider would have answered it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from orbit.lib import numbers
from proxy.formats.anthropic_usage import merged
from proxy.formats.base import Unreadable

MOST_BLOCKS = 1_000
TEXTS = {"text_delta": "text", "thinking_delta": "thinking"}


class MessageAssembly:
    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.blocks: dict[int, dict[str, Any]] = {}
        self.inputs: dict[int, list[str]] = {}  # fragments of JSON, by block
        self.figures: dict[str, Any] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        kind = chunk.get("type")
        if kind == "message_start" and isinstance(message := chunk.get("message"), dict):
            self.message = dict(message)
            self._figures(message.get("usage"))
        elif kind == "content_block_start" and isinstance(block := chunk.get("content_block"), dict):
            if len(self.blocks) >= MOST_BLOCKS:
                raise Unreadable(f"more than {MOST_BLOCKS} blocks")
            self.blocks[_index(chunk)] = dict(block)
        elif kind == "content_block_delta" and isinstance(delta := chunk.get("delta"), dict):
            self._delta(_index(chunk), delta)
        elif kind == "message_delta":
            if isinstance(delta := chunk.get("delta"), dict):
                self.message.update(delta)
            self._figures(chunk.get("usage"))

    def _figures(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self.figures = merged(self.figures, usage)

    def _delta(self, index: int, delta: Mapping[str, Any]) -> None:
        block = self.blocks.get(index)
        if block is None:
            return
        kind = delta.get("type")
        if isinstance(kind, str) and (field := TEXTS.get(kind)):
            block[field] = f"{block.get(field) or ''}{delta.get(field) or ''}"
        elif kind == "input_json_delta":
            self.inputs.setdefault(index, []).append(str(delta.get("partial_json") or ""))
        elif kind == "signature_delta":
            block["signature"] = delta.get("signature")
        elif kind == "citations_delta":
            before = block.get("citations")
            block["citations"] = [*(before if isinstance(before, list) else ()), delta.get("citation")]

    @property
    def empty(self) -> bool:
        return not self.message

    def answer(self, usage: Mapping[str, Any] | None) -> dict[str, Any]:
        content = []
        for index in sorted(self.blocks):
            block = self.blocks[index]
            if index in self.inputs:
                given = _parsed("".join(self.inputs[index]))
                if given is None:
                    continue  # a call that was cut half-way is none
                block["input"] = given
            content.append(block)
        return {
            **self.message,
            "content": content,
            "stop_reason": self.message.get("stop_reason") or "max_tokens",
            "usage": self.figures if usage is None else {**self.figures, **usage},
        }


def _index(chunk: Mapping[str, Any]) -> int:
    index = chunk.get("index")
    return index if isinstance(index, int) else 0


def _parsed(text: str) -> Any:
    try:
        return numbers.read(text.encode()) if text else {}
    except orjson.JSONDecodeError:
        return None
