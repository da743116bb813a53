"""Anthropic's Messages: plain, streamed, and only counted."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import orjson

from .exchange import Exchange
from .messages_answer import Answer, Block, make_answer
from .messages_cache import BreakpointCache, CacheUse
from .messages_prompt import count
from .messages_refusals import invalid
from .messages_request import MessagesRequest
from .messages_stream import REFUSAL_DETAILS, MessagesStream
from .messages_usage import usage_of
from .prose import Prose


class Messages:
    def __init__(self, seed: int) -> None:
        self._prose = Prose(seed)
        self._cache = BreakpointCache()

    def serve(self, exchange: Exchange, request: MessagesRequest) -> Coroutine[Any, Any, None] | None:
        record, behaviour = exchange.record, exchange.behaviour
        room = _count_prompt(exchange, request)
        self._count_cache(exchange, request)
        record.choices, record.max_tokens, record.stream = 1, request.max_tokens, request.stream
        answer = make_answer(request, behaviour, self._prose, room)
        record.work_began = True
        if request.stream:
            return MessagesStream(exchange, answer, _message(exchange, request)).run()
        if exchange.can_answer_at_once:
            _count_all(exchange, answer)
            exchange.answer_at_once(200, _body(exchange, request, answer))
            return None
        return _answer_slowly(exchange, request, answer)

    def _count_cache(self, exchange: Exchange, request: MessagesRequest) -> None:
        record, behaviour = exchange.record, exchange.behaviour
        use = self._cache.use(request.model.id, request.segments)
        asked = (behaviour.cached, behaviour.cache_write, behaviour.cache_write_1h)
        if any(each is not None for each in asked):
            use = CacheUse(*(each or 0 for each in asked))
        use = use.within(record.prompt_tokens)
        record.cached_tokens = use.read
        record.cache_write_5m_tokens, record.cache_write_1h_tokens = use.written_5m, use.written_1h


def count_tokens(exchange: Exchange, request: MessagesRequest) -> bytes:
    """It costs nothing, so nothing of it is booked."""
    asked = exchange.behaviour.prompt_tokens
    total = count(request.segments) if asked is None else asked
    return orjson.dumps({"input_tokens": total})


def _count_prompt(exchange: Exchange, request: MessagesRequest) -> int:
    """Books the prompt, and says how many tokens the context window leaves."""
    record, asked = exchange.record, exchange.behaviour.prompt_tokens
    record.prompt_tokens = min(count(request.segments), record.body_bytes) if asked is None else asked
    most = request.model.context_tokens
    if record.prompt_tokens > most:
        raise invalid(f"prompt is too long: {record.prompt_tokens} tokens > {most} maximum")
    return most - record.prompt_tokens


async def _answer_slowly(exchange: Exchange, request: MessagesRequest, answer: Answer) -> None:
    def made(tokens: int) -> None:
        exchange.record.completion_tokens = tokens

    await asyncio.sleep(exchange.pace.first_s)
    await exchange.work_unseen(answer.tokens, answer.tokens * exchange.pace.per_token_s, made)
    _count_all(exchange, answer)
    await exchange.answer(_body(exchange, request, answer))


def _count_all(exchange: Exchange, answer: Answer) -> None:
    exchange.record.completion_tokens = answer.tokens
    exchange.record.reasoning_tokens = answer.thinking_tokens


def _message(exchange: Exchange, request: MessagesRequest) -> dict[str, Any]:
    return {
        "id": exchange.record.id.replace("req_demo_", "msg_demo"),
        "type": "message",
        "role": "assistant",
        "model": request.model.served_as,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": None,
    }


def _body(exchange: Exchange, request: MessagesRequest, answer: Answer) -> bytes:
    record, kind = exchange.record, exchange.behaviour.usage
    body = _message(exchange, request)
    body["content"] = list(_content(answer.blocks))
    body["stop_reason"], body["stop_sequence"] = answer.stop_reason, answer.stop_sequence
    if answer.stop_reason == "refusal":
        body["stop_details"] = REFUSAL_DETAILS
    if kind == "missing":
        del body["usage"]
    else:
        body["usage"] = usage_of(kind, record, output=record.completion_tokens)
        record.reported_usage.append(body["usage"])
    return orjson.dumps(body)


def _content(blocks: list[Block]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        match block.kind:
            case "text":
                yield {"type": "text", "text": block.text}
            case "thinking":
                yield {"type": "thinking", "thinking": block.text, "signature": block.signature}
            case "redacted_thinking":
                yield {"type": "redacted_thinking", "data": block.signature}
            case "tool_use":
                yield {"type": "tool_use", "id": block.id, "name": block.name, "input": _input(block.text)}


def _input(text: str) -> Any:
    """An input that the token limit cut off is no JSON; a plain answer then shows none of it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
