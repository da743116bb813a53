"""The older text completions, plain and streamed."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import orjson

from .chat_answer import Choice, make_choices
from .completions_request import CompletionRequest, read_completion_request, text_for_directives
from .desk import Desk, Work
from .exchange import Exchange
from .refusals import bad_request
from .steps import Event, Step, StepStream
from .usage import usage_of

# Some vendors report usage in streams unasked.
_SENT_UNASKED = frozenset({"with_finish", "running", "decreasing", "twice"})


class Completions:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def create(self, exchange: Exchange) -> Work:
        fields = self._desk.read_json(exchange)
        if refused := self._desk.refusal(exchange, fields, text_for_directives(fields.get("prompt"))):
            return refused
        request, record = read_completion_request(fields), exchange.record
        asked = exchange.behaviour.prompt_tokens
        record.model, record.stream = request.model, request.stream
        record.choices, record.max_tokens = len(request.prompts) * request.choices, request.max_tokens
        record.prompt_tokens = request.prompt_tokens if asked is None else asked
        if record.prompt_tokens + request.max_tokens > request.model.context_tokens * len(request.prompts):
            raise bad_request(
                f"This model's maximum context length is {request.model.context_tokens} tokens, however you "
                f"requested {record.prompt_tokens + request.max_tokens} tokens. Please reduce your prompt.",
                code="context_length_exceeded",
            )
        made = self._made(exchange, request)
        record.work_began = True
        if request.stream:
            return _CompletionStream(exchange, request, _shown(request, made)).run()
        if exchange.can_answer_at_once:
            record.completion_tokens = sum(choice.tokens for choice in made)
            exchange.answer_at_once(200, _body(exchange, request, made))
            return None
        return _answer_slowly(exchange, request, made)

    def _made(self, exchange: Exchange, request: CompletionRequest) -> list[Choice]:
        """`best_of` for each prompt, all of which are charged."""
        made: list[Choice] = []
        for chat in request.as_chats():
            choices = make_choices(chat, exchange.behaviour, self._desk.prose)
            for choice in choices:
                choice.index, choice.reasoning = len(made), 0
                if not request.max_tokens:
                    choice.pieces, choice.finish_reason = [], "length"
                made.append(choice)
        return made


def _shown(request: CompletionRequest, made: list[Choice]) -> list[tuple[str, Choice]]:
    """The first `n` of `best_of` for each prompt, with the text that goes before them."""
    shown: list[tuple[str, Choice]] = []
    for number, choice in enumerate(made):
        prompt = request.prompts[number // request.best_of]
        if number % request.best_of < request.choices:
            choice.index = len(shown)
            shown.append((prompt if request.echo and isinstance(prompt, str) else "", choice))
    return shown


async def _answer_slowly(exchange: Exchange, request: CompletionRequest, made: list[Choice]) -> None:
    def count(tokens: int) -> None:
        exchange.record.completion_tokens = tokens

    longest = max(choice.tokens for choice in made)
    total = sum(choice.tokens for choice in made)
    await asyncio.sleep(exchange.pace.first_s)
    await exchange.work_unseen(total, longest * exchange.pace.per_token_s, count)
    await exchange.answer(_body(exchange, request, made))


def _body(exchange: Exchange, request: CompletionRequest, made: list[Choice]) -> bytes:
    kind, usage = exchange.behaviour.usage, _usage(exchange)
    choices = [
        _choice_json(choice, echoed + "".join(choice.pieces), choice.finish_reason)
        for echoed, choice in _shown(request, made)
    ]
    body = _frame(exchange, request) | {"choices": choices}
    if usage or kind == "null":
        body["usage"] = usage
        exchange.record.reported_usage.append(usage)
    return orjson.dumps(body)


def _frame(exchange: Exchange, request: CompletionRequest) -> dict[str, Any]:
    return {
        "id": exchange.record.id.replace("req_demo_", "cmpl-demo"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": request.model.served_as,
    }


def _choice_json(choice: Choice, text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": choice.index, "logprobs": None, "finish_reason": reason}


def _usage(exchange: Exchange, *, halved: bool = False) -> dict[str, Any] | None:
    record = exchange.record
    usage = usage_of(
        exchange.behaviour.usage,
        prompt=record.prompt_tokens,
        cached=0,
        completion=record.completion_tokens // 2 if halved else record.completion_tokens,
        reasoning=0,
    )
    if usage and exchange.behaviour.usage != "contradictory":
        del usage["prompt_tokens_details"], usage["completion_tokens_details"]
    return usage


class _CompletionStream:
    def __init__(
        self, exchange: Exchange, request: CompletionRequest, shown: list[tuple[str, Choice]]
    ) -> None:
        self._exchange = exchange
        self._shown = shown
        self._kind = exchange.behaviour.usage
        self._frame = _frame(exchange, request)
        self._null_usage = {"usage": None} if request.include_usage and self._kind != "missing" else {}
        self._reports = (request.include_usage or self._kind in _SENT_UNASKED) and self._kind != "missing"

    async def run(self) -> None:
        stream = StepStream(self._exchange, lambda: [self._exchange.error_event()])
        await stream.begin()
        await stream.play(self._steps())
        await stream.pause()
        for number, (_, choice) in enumerate(self._shown, start=1):
            last = number == len(self._shown) and self._kind == "with_finish"
            usage = {"usage": self._final_usage()} if last else self._null_usage
            stream.add([self._chunk([_choice_json(choice, "", choice.finish_reason)], usage)])
        if self._reports and self._kind != "with_finish":
            for _ in range(2 if self._kind == "twice" else 1):
                stream.add([self._chunk([], {"usage": self._final_usage()})])
        late = self._chunk([_choice_json(self._shown[0][1], " and another thing", None)], {})
        await stream.end([(b"", b"[DONE]")], extra=[late])

    def _steps(self) -> Iterator[Step]:
        together = self._exchange.behaviour.tokens_per_chunk
        for echoed, choice in self._shown:
            if echoed:
                yield Step([self._text(choice, echoed)])
            for start in range(0, len(choice.pieces), together):
                part = choice.pieces[start : start + together]
                yield Step([self._text(choice, "".join(part))], tokens=len(part), is_content=True)

    def _text(self, choice: Choice, text: str) -> Event:
        usage: dict[str, Any] = self._null_usage
        if self._kind in ("running", "decreasing"):
            usage = {"usage": _usage(self._exchange)}
        return self._chunk([_choice_json(choice, text, None)], usage)

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any]) -> Event:
        return b"", orjson.dumps(self._frame | {"choices": choices} | usage)

    def _final_usage(self) -> dict[str, Any] | None:
        usage = _usage(self._exchange, halved=self._kind == "decreasing")
        self._exchange.record.reported_usage.append(usage)
        return usage
