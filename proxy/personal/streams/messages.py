"""Events of Anthropic's Messages."""

from __future__ import annotations

from functools import partial
from typing import Any

from dlp.walk import Shape
from proxy.personal.streams.base import Event, Name, Stream

DELTAS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
THINKING = "thinking_delta"


class MessagesTexts(Stream):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: list[Any] = []  # blocks that have begun and not ended

    def changed(self, event: Event) -> list[Event] | None:
        kind, index = event.get("type"), event.get("index")
        if kind == "content_block_delta":
            return [event] if self._delta(index, event.get("delta")) else None
        if kind == "content_block_start":
            self._open.append(index)
            return [event] if self._begun(event) else None
        if kind == "content_block_stop":
            if index in self._open:
                self._open.remove(index)
            before = self._flushed(partial(_of_block, index))
            return [*before, event] if before else None
        return None

    def stopped(self) -> list[Event]:
        """Its usage says nothing: what was written until here is counted by us."""
        ends: list[Event] = [{"type": "content_block_stop", "index": one} for one in self._open]
        delta = {"stop_reason": "refusal", "stop_sequence": None}
        return [
            *ends,
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}},
            {"type": "message_stop"},
        ]

    def _delta(self, index: Any, delta: Any) -> bool:
        if not isinstance(delta, dict):
            return False
        kind = str(delta.get("type"))
        field = DELTAS.get(kind)
        if kind == "citations_delta":
            return self._whole(delta, "citation")
        if (
            field is None
            or not isinstance(delta.get(field), str)
            or (kind == THINKING and not self.way.thinks)
        ):
            return False
        again = partial(_again, index, kind, field)
        return self._fed((index, kind), delta, field, again, in_json=field == "partial_json")

    def _begun(self, event: Event) -> bool:
        """A block may hold something from its beginning on, such as a result of the provider's own tools."""
        block = event.get("content_block")
        if not isinstance(block, dict):
            return False
        if block.get("type") == "text" and isinstance(block.get("text"), str) and block["text"]:
            again = partial(_again, event.get("index"), "text_delta", "text")
            return self._fed((event.get("index"), "text_delta"), block, "text", again)
        return block.get("type") != "thinking" and self._whole(event, "content_block")

    def _whole(self, holder: dict[str, Any], name: str) -> bool:
        value = holder.get(name)
        if not isinstance(value, dict):
            return False
        (made,) = self.way.whole({"content": [value]}, Shape.MESSAGES)["content"]
        holder[name] = made
        return made is not value


def _again(index: Any, kind: str, field: str, held: str) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: held}}


def _of_block(index: Any, name: Name) -> bool:
    return bool(name[0] == index)
