"""One streamed chat completion: chunks at their pace, with the faults that were asked for."""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

import orjson

from .chat_answer import Choice
from .chat_request import ChatRequest
from .content_stream import ContentStream
from .events import EventFormat
from .exchange import Exchange
from .usage import usage_of

_PADDING = b"aQ3xZ7kLm9TbQ2wE8rT5"
# Some vendors report usage in streams unasked.
_SENT_UNASKED = frozenset({"with_finish", "running", "decreasing", "twice"})


class ChatStream:
    def __init__(
        self,
        exchange: Exchange,
        request: ChatRequest,
        choices: list[Choice],
        fingerprint: str,
    ) -> None:
        self._exchange = exchange
        self._request = request
        self._choices = choices
        self._behaviour = exchange.behaviour
        self._record = exchange.record
        self._wire = exchange.wire
        self._chunked = exchange.request.is_http_1_1
        self._format = EventFormat(self._behaviour, chunked=self._chunked)
        self._opening = _opening(exchange, request, fingerprint)
        self._reports_usage = request.include_usage or self._behaviour.usage in _SENT_UNASKED
        self._null_usage = b',"usage":null' if request.include_usage else b""
        if self._behaviour.usage == "missing":
            self._reports_usage, self._null_usage = False, b""
        self._chance = random.Random(self._record.id)  # noqa: S311
        self._varies = (
            self._behaviour.obfuscation
            or self._behaviour.stamp
            or self._behaviour.usage
            in (
                "running",
                "decreasing",
            )
        )

    async def run(self) -> None:
        pace, behaviour = self._exchange.pace, self._behaviour
        await asyncio.sleep(pace.first_s)
        head = self._exchange.head(200, "text/event-stream; charset=utf-8", chunked=self._chunked)
        await self._wire.send(head + (self._format.raw(b"\xef\xbb\xbf") if behaviour.bom else b""))
        await self._reason()
        roles = (self._chunk(choice.index, _role_delta(choice)) for choice in self._choices)
        await self._wire.send(b"".join(roles))
        if behaviour.long_line is not None:
            await self._wire.send(self._format.long_comment(behaviour.long_line))
        deltas = _interleaved(self._choices, behaviour.tokens_per_chunk)
        await ContentStream(self._exchange, self._send_error).send(deltas, self._content)
        if behaviour.usage_after_ms:
            await asyncio.sleep(behaviour.usage_after_ms / 1000)
        await self._send_ending()

    async def _reason(self) -> None:
        longest = max(choice.reasoning for choice in self._choices)
        if not longest:
            return

        def made(tokens: int) -> None:
            self._record.completion_tokens = self._record.reasoning_tokens = tokens

        total = sum(choice.reasoning for choice in self._choices)
        await self._exchange.work_unseen(total, longest * self._exchange.pace.per_token_s, made)

    async def _send_error(self) -> None:
        name, payload = self._exchange.error_event()
        await self._wire.send(self._format.event(payload, name=name) + self._format.end)

    async def _send_ending(self) -> None:
        kind = self._behaviour.usage
        parts = []
        for number, choice in enumerate(self._choices, start=1):
            usage = self._null_usage
            if kind == "with_finish" and number == len(self._choices):
                usage = b',"usage":' + orjson.dumps(self._final_usage())
            reason = b'"%b"' % choice.finish_reason.encode()
            parts.append(self._chunk(choice.index, b"{}", reason=reason, usage=usage))
        if self._reports_usage and kind != "with_finish":
            parts.append(self._usage_chunk())
            if kind == "twice":
                parts.append(self._usage_chunk())
        if not self._behaviour.no_done:
            parts.append(self._format.event(b"[DONE]"))
        if self._behaviour.after_done:
            parts.append(self._chunk(0, b'{"content":" and another thing"}'))
        await self._wire.send(b"".join(parts) + self._format.end)
        if not self._chunked:
            self._exchange.connection.finish()

    def _content(self, delta: tuple[int, bytes]) -> bytes:
        return self._chunk(*delta)

    def _chunk(
        self,
        index: int,
        delta: bytes,
        *,
        reason: bytes = b"null",
        usage: bytes | None = None,
    ) -> bytes:
        if usage is None:
            usage = self._varying_tail() if self._varies else self._null_usage
        payload = b'%b[{"index":%d,"delta":%b,"logprobs":null,"finish_reason":%b}]%b}' % (
            self._opening,
            index,
            delta,
            reason,
            usage,
        )
        return self._format.event(payload)

    def _varying_tail(self) -> bytes:
        usage = self._null_usage
        if self._behaviour.usage in ("running", "decreasing"):
            usage = b',"usage":' + orjson.dumps(self._usage())
        if self._behaviour.obfuscation:
            padding = _PADDING[: self._chance.randint(1, len(_PADDING))]
            usage += b',"obfuscation":"%b"' % padding
        if self._behaviour.stamp:
            usage += b',"sent_us":%d' % (time.monotonic_ns() // 1000)
        return usage

    def _usage_chunk(self) -> bytes:
        usage = orjson.dumps(self._final_usage())
        return self._format.event(self._opening + b'[],"usage":' + usage + b"}")

    def _final_usage(self) -> dict[str, Any] | None:
        usage = self._usage(halved=self._behaviour.usage == "decreasing")
        self._record.reported_usage.append(usage)
        return usage

    def _usage(self, *, halved: bool = False) -> dict[str, Any] | None:
        record = self._record
        return usage_of(
            self._behaviour.usage,
            prompt=record.prompt_tokens,
            cached=record.cached_tokens,
            completion=record.completion_tokens // 2 if halved else record.completion_tokens,
            reasoning=record.reasoning_tokens,
        )


def _opening(exchange: Exchange, request: ChatRequest, fingerprint: str) -> bytes:
    fields = {
        "id": exchange.record.id.replace("req_demo_", "chatcmpl-demo"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": request.model.served_as,
        "service_tier": request.served_tier,
        "system_fingerprint": fingerprint,
    }
    return orjson.dumps(fields)[:-1] + b',"choices":'


def _role_delta(choice: Choice) -> bytes:
    content = b"null" if choice.tool_calls else b'""'
    return b'{"role":"assistant","content":%b,"refusal":null}' % content


def _interleaved(choices: list[Choice], together: int) -> Iterator[tuple[tuple[int, bytes], int]]:
    """((choice, delta), tokens in it), the choices taking turns as with the real vendor."""
    if len(choices) == 1:
        yield from _deltas(choices[0], together)
        return
    for turn in itertools.zip_longest(*(_deltas(choice, together) for choice in choices), fillvalue=None):
        for step in turn:
            if step is not None:
                yield step


def _deltas(choice: Choice, together: int) -> Iterator[tuple[tuple[int, bytes], int]]:
    for start in range(0, len(choice.pieces), together):
        part = choice.pieces[start : start + together]
        yield (choice.index, b'{"content":' + orjson.dumps("".join(part)) + b"}"), len(part)
    for number, call in enumerate(choice.tool_calls):
        opened = {
            "index": number,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield (choice.index, orjson.dumps({"tool_calls": [opened]})), call.name_tokens
        for start in range(0, len(call.pieces), together):
            part = call.pieces[start : start + together]
            fragment = {"index": number, "function": {"arguments": "".join(part)}}
            yield (choice.index, orjson.dumps({"tool_calls": [fragment]})), len(part)
