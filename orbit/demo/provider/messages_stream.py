"""One streamed message: its events at their pace, with the faults that were asked for."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from .content_stream import ContentStream
from .events import EventFormat
from .exchange import Exchange
from .messages_answer import Answer, Block
from .messages_refusals import error_after_start
from .messages_usage import usage_of

_PADDING = "aQ3xZ7kLm9TbQ2wE8rT5"
_AFTER_THE_END = {"type": "text_delta", "text": " and another thing"}
_RUNNING = ("running", "decreasing")
# In `message_delta` the vendor leaves these to `message_start`.
_ONLY_AT_START = ("cache_creation", "service_tier")
_TOKENS_AT_START = 1

Event = dict[str, Any]


@dataclass(slots=True)
class Step:
    """One content chunk with the events that frame it."""

    before: list[Event]
    content: Event
    after: list[Event] = field(default_factory=list)
    thinking_tokens: int = 0


class MessagesStream:
    def __init__(self, exchange: Exchange, answer: Answer, message: dict[str, Any]) -> None:
        """`message` is the plain answer as it stands before its first token."""
        self._exchange = exchange
        self._answer = answer
        self._message = message
        self._behaviour = exchange.behaviour
        self._record = exchange.record
        self._wire = exchange.wire
        self._chunked = exchange.request.is_http_1_1
        self._format = EventFormat(self._behaviour, chunked=self._chunked)
        self._chance = random.Random(self._record.id)  # noqa: S311
        self._waiting: list[Event] = []

    async def run(self) -> None:
        behaviour = self._behaviour
        await asyncio.sleep(self._exchange.pace.first_s)
        head = self._exchange.head(200, "text/event-stream; charset=utf-8", chunked=self._chunked)
        opening = self._format.raw(b"\xef\xbb\xbf") if behaviour.bom else b""
        await self._wire.send(head + opening + self._event(self._start()))
        await self._think_unseen()
        if behaviour.long_line is not None:
            await self._wire.send(self._format.long_comment(behaviour.long_line))
        await ContentStream(self._exchange, self._send_error).send(self._steps(), self._rendered)
        if behaviour.usage_after_ms:
            await asyncio.sleep(behaviour.usage_after_ms / 1000)
        await self._send_ending()

    async def _think_unseen(self) -> None:
        if not self._answer.unseen:
            return

        def made(tokens: int) -> None:
            self._record.completion_tokens = self._record.reasoning_tokens = tokens

        unseen = self._answer.unseen
        await self._exchange.work_unseen(unseen, unseen * self._exchange.pace.per_token_s, made)

    # -- content

    def _steps(self) -> Iterator[tuple[Step, int]]:
        """Blocks that show nothing have no step of their own: they wait for the next one, or for the end."""
        self._waiting = []
        for index, block in enumerate(self._answer.blocks):
            opened = _opened(index, block)
            events = [{"type": "ping"}] if index == 0 else []
            if block.kind == "tool_use":
                yield self._step(opened, [*events, _delta(index, _fragment(block, ""))]), block.name_tokens
            else:
                self._waiting += [opened, *events]
            together = self._behaviour.tokens_per_chunk
            ends = range(together, len(block.pieces) + together, together)
            closing = _closing(index, block)
            for end in ends:
                part = block.pieces[end - together : end]
                last = end >= len(block.pieces)
                content = _delta(index, _fragment(block, "".join(part)))
                step = self._step(content, closing if last else [])
                step.thinking_tokens = len(part) if block.kind == "thinking" else 0
                yield step, len(part)
            if not ends:
                self._waiting += closing

    def _step(self, content: Event, after: list[Event]) -> Step:
        before, self._waiting = self._waiting, []
        return Step(before, content, after)

    def _rendered(self, step: Step) -> bytes:
        self._record.reasoning_tokens += step.thinking_tokens
        events = [*step.before, step.content, *step.after]
        every = self._behaviour.ping_every
        if every and self._record.chunks % every == 0:
            events.append({"type": "ping"})
        if self._behaviour.usage in _RUNNING:
            events.append(_message_delta(None, None, self._usage()))
        return b"".join(map(self._event, events))

    def _event(self, event: Event) -> bytes:
        if self._behaviour.obfuscation:
            event = event | {"obfuscation": _PADDING[: self._chance.randint(1, len(_PADDING))]}
        return self._format.event(orjson.dumps(event), name=str(event["type"]).encode())

    # -- beginning and end

    def _start(self) -> Event:
        message, kind = self._message, self._behaviour.usage
        usage = usage_of(kind, self._record, output=_TOKENS_AT_START)
        if kind in ("missing", "end_only"):
            message = {name: value for name, value in message.items() if name != "usage"}
        else:
            message = message | {"usage": usage}
            self._record.reported_usage.append(usage)
        return {"type": "message_start", "message": message}

    async def _send_ending(self) -> None:
        kind, answer = self._behaviour.usage, self._answer
        events = self._waiting if answer.blocks else [{"type": "ping"}]
        usage = None
        if kind not in ("missing", "start_only"):
            usage = self._usage(halved=kind == "decreasing")
        for _ in range(2 if kind == "twice" else 1):
            delta = _message_delta(answer.stop_reason, answer.stop_sequence, usage)
            if kind in ("missing", "start_only"):
                del delta["usage"]
            else:
                self._record.reported_usage.append(usage)
            events.append(delta)
        if not self._behaviour.no_done:
            events.append({"type": "message_stop"})
        if self._behaviour.after_done:
            events.append(_delta(0, _AFTER_THE_END))
        await self._wire.send(b"".join(map(self._event, events)) + self._format.end)
        if not self._chunked:
            self._exchange.connection.finish()

    def _usage(self, *, halved: bool = False) -> dict[str, Any] | None:
        output = self._record.completion_tokens
        usage = usage_of(self._behaviour.usage, self._record, output=output // 2 if halved else output)
        if usage is None:
            return None
        return {name: value for name, value in usage.items() if name not in _ONLY_AT_START}

    async def _send_error(self) -> None:
        error = error_after_start(self._behaviour.code, self._record.id)
        await self._wire.send(self._format.event(error, name=b"error") + self._format.end)


def _opened(index: int, block: Block) -> Event:
    shown: dict[str, Any] = {"type": block.kind}
    match block.kind:
        case "text":
            shown["text"] = ""
        case "thinking":
            shown |= {"thinking": "", "signature": ""}
        case "redacted_thinking":
            shown["data"] = block.signature
        case "tool_use":
            shown |= {"id": block.id, "name": block.name, "input": {}}
    return {"type": "content_block_start", "index": index, "content_block": shown}


def _closing(index: int, block: Block) -> list[Event]:
    stop = {"type": "content_block_stop", "index": index}
    if block.kind != "thinking":
        return [stop]
    return [_delta(index, {"type": "signature_delta", "signature": block.signature}), stop]


def _fragment(block: Block, part: str) -> Event:
    match block.kind:
        case "thinking":
            return {"type": "thinking_delta", "thinking": part}
        case "tool_use":
            return {"type": "input_json_delta", "partial_json": part}
    return {"type": "text_delta", "text": part}


def _delta(index: int, delta: Event) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _message_delta(reason: str | None, sequence: str | None, usage: dict[str, Any] | None) -> Event:
    delta: dict[str, Any] = {"stop_reason": reason, "stop_sequence": sequence}
    if reason == "refusal":
        delta["stop_details"] = REFUSAL_DETAILS
    return {"type": "message_delta", "delta": delta, "usage": usage}


REFUSAL_DETAILS = {
    "type": "refusal",
    "category": "general_harms",
    "explanation": "The demo provider was asked to refuse.",
}
