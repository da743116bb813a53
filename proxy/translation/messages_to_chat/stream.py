"""The events of a Messages answer out of the chunks of a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.base import Unreadable
from proxy.translation.messages_to_chat.answer import CHAT, check, choice_of, message_of, stop_of, usage_of
from proxy.translation.messages_to_chat.written import Call, Text, Written

Event = dict[str, Any]

# Bytes that may wait for an earlier block to end. Only of a provider whose calls are interleaved any do.
MOST_WAITING = 4_000_000


class MessagesStream:
    """One block is open at a time: the first of `written.blocks`. The others wait until it is finished."""

    def __init__(self, seed: str, model: str, written: Written) -> None:
        self.seed = seed
        self.model = model
        self.written = written
        self.head: dict[str, Any] = {}
        self.usage: Usage | None = None
        self.started = False
        self.opened = False
        self.index = 0
        self.waiting = 0
        self.reason: str | None = None
        self.matched: Any = None

    def feed(self, chunk: Mapping[str, Any]) -> list[Event]:
        if chunk.get("error") and not chunk.get("choices"):
            raise Unreadable("an error instead of a chunk")
        for name in ("id", "model", "service_tier"):
            if chunk.get(name):
                self.head.setdefault(name, chunk[name])
        usage = CHAT.usage(chunk)
        if usage and (self.usage is None or usage.output_tokens >= self.usage.output_tokens):
            self.usage = usage  # a count that runs along only grows
        choice = choice_of(chunk)
        if choice is None:
            return []
        events = self._start()
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            check(reason)
            self.reason, self.matched = reason, choice.get("stop_reason")
        if isinstance(delta := choice.get("delta"), dict):
            self.waiting += self.written.add(delta)
            events += self._flow(last=False)
            if self.waiting > MOST_WAITING:
                raise Unreadable("too much waits for a block that does not end")
        return events

    def end(self) -> list[Event]:
        if not self.started:
            raise Unreadable("a stream without an answer")
        events = self._flow(last=True)
        stop = stop_of(self.reason, self.matched, self.written)
        events.append({"type": "message_delta", "delta": stop, "usage": usage_of(self.usage)})
        events.append({"type": "message_stop"})
        return events

    def _start(self) -> list[Event]:
        if self.started:
            return []
        self.started = True
        message = message_of(self.head, self.seed, self.model, [], usage_of(self.usage))
        return [{"type": "message_start", "message": message}]

    def _flow(self, last: bool) -> list[Event]:
        """All that can be told in order; at the last, everything."""
        events: list[Event] = []
        blocks = self.written.blocks
        while blocks:
            block = blocks[0]
            if block.ready or self.opened:
                events += self._tell(block)
            elif not last:
                break
            if not last and (len(blocks) == 1 or not block.finished):
                break
            if self.opened:
                events += self._deltas(block.last_deltas())
                events.append({"type": "content_block_stop", "index": self.index})
                self.opened, self.index = False, self.index + 1
            blocks.popleft()
        return events

    def _tell(self, block: Text | Call) -> list[Event]:
        events: list[Event] = []
        if not self.opened:
            self.opened = True
            events.append({"type": "content_block_start", "index": self.index, "content_block": block.start})
        before = block.size
        events += self._deltas(block.deltas())
        self.waiting -= before - block.size
        return events

    def _deltas(self, deltas: list[dict[str, Any]]) -> list[Event]:
        return [{"type": "content_block_delta", "index": self.index, "delta": delta} for delta in deltas]
