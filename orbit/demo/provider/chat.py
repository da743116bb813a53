"""Chat completions, plain and streamed."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import orjson

from .chat_answer import Choice, make_choices
from .chat_request import ChatRequest
from .chat_stream import ChatStream
from .exchange import Exchange
from .prompt_cache import PromptCache
from .prose import Prose
from .refusals import bad_request
from .usage import usage_of

SYSTEM_FINGERPRINT = "fp_0rb1tdem0"


class Chat:
    def __init__(self, seed: int) -> None:
        self._prose = Prose(seed)
        self._cache = PromptCache()

    def serve(self, exchange: Exchange, request: ChatRequest) -> Coroutine[Any, Any, None] | None:
        record, behaviour = exchange.record, exchange.behaviour
        prompt = behaviour.prompt_tokens
        record.prompt_tokens = request.prompt_tokens(record.body_bytes) if prompt is None else prompt
        most = request.model.context_tokens
        if record.prompt_tokens > most:
            message = (
                f"This model's maximum context length is {most} tokens. However, your messages resulted in "
                f"{record.prompt_tokens} tokens. Please reduce the length of the messages."
            )
            raise bad_request(message, param="messages", code="context_length_exceeded")
        cached = behaviour.cached
        if cached is None:
            cached = self._cache.read(request.model.id, request.messages, record.prompt_tokens)
        record.cached_tokens = min(cached, record.prompt_tokens)
        record.choices, record.max_tokens, record.stream = (
            request.choices,
            request.max_tokens,
            request.stream,
        )
        choices = make_choices(request, behaviour, self._prose)
        record.work_began = True
        if request.stream:
            return ChatStream(exchange, request, choices, SYSTEM_FINGERPRINT).run()
        if exchange.can_answer_at_once:
            _count_all(exchange, choices)
            exchange.answer_at_once(200, _body(exchange, request, choices))
            return None
        return _answer_slowly(exchange, request, choices)


async def _answer_slowly(exchange: Exchange, request: ChatRequest, choices: list[Choice]) -> None:
    def made(tokens: int) -> None:
        exchange.record.completion_tokens = tokens

    longest = max(choice.tokens for choice in choices)
    total = sum(choice.tokens for choice in choices)
    await asyncio.sleep(exchange.pace.first_s)
    await exchange.work_unseen(total, longest * exchange.pace.per_token_s, made)
    _count_all(exchange, choices)
    await exchange.answer(_body(exchange, request, choices))


def _count_all(exchange: Exchange, choices: list[Choice]) -> None:
    exchange.record.completion_tokens = sum(choice.tokens for choice in choices)
    exchange.record.reasoning_tokens = sum(choice.reasoning for choice in choices)


def _body(exchange: Exchange, request: ChatRequest, choices: list[Choice]) -> bytes:
    record, kind = exchange.record, exchange.behaviour.usage
    usage = usage_of(
        kind,
        prompt=record.prompt_tokens,
        cached=record.cached_tokens,
        completion=record.completion_tokens,
        reasoning=record.reasoning_tokens,
    )
    body: dict[str, Any] = {
        "id": record.id.replace("req_demo_", "chatcmpl-demo"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model.served_as,
        "choices": [_choice_json(choice) for choice in choices],
    }
    if usage or kind == "null":
        body["usage"] = usage
        record.reported_usage.append(usage)
    body["service_tier"] = request.served_tier
    body["system_fingerprint"] = SYSTEM_FINGERPRINT
    return orjson.dumps(body)


def _choice_json(choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.pieces)}
    if choice.tool_calls:
        message["content"] = None
        message["tool_calls"] = list(_calls_json(choice))
    message |= {"refusal": None, "annotations": []}
    return {
        "index": choice.index,
        "message": message,
        "logprobs": None,
        "finish_reason": choice.finish_reason,
    }


def _calls_json(choice: Choice) -> Iterator[dict[str, Any]]:
    for call in choice.tool_calls:
        function = {"name": call.name, "arguments": "".join(call.pieces)}
        yield {"id": call.id, "type": "function", "function": function}
