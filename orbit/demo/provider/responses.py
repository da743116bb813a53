"""The Responses endpoints: plain, streamed, stored and in the background."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import orjson

from .chat_answer import make_choices
from .desk import Desk, Fields, Work, owner_of, reply
from .exchange import Exchange
from .prompt_cache import PromptCache
from .refusals import bad_request
from .responses_background import cancel_work, follow, start_work
from .responses_draft import Draft, new_draft
from .responses_events import ResponseEvents
from .responses_items import as_messages, check_calls_are_answered, listed_items, read_items
from .responses_request import (
    ResponsesRequest,
    context_too_long,
    last_user_text,
    read_responses_request,
)
from .responses_store import Store, Stored
from .steps import StepStream

_USUAL_PAGE = 20
_LARGEST_PAGE = 100


class Responses:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = Store()
        self._cache = PromptCache()

    def create(self, exchange: Exchange) -> Work:
        fields = self._desk.read_json(exchange)
        if refused := self._desk.refusal(exchange, fields, last_user_text(fields.get("input"))):
            return refused
        owner = owner_of(exchange)
        request = self._read(owner, fields)
        draft = self._draft(exchange, request)
        stored = Stored(owner, draft, request.context)
        if request.flag("store", default=True):
            self._store.keep(stored)
        exchange.record.work_began = True
        if request.flag("background"):
            start_work(self._desk, exchange, stored)
            return follow(exchange, stored, after=-1) if request.flag("stream") else _reply(exchange, draft)
        if request.flag("stream"):
            return _stream(exchange, draft)
        if exchange.can_answer_at_once:
            _finish(draft)
            exchange.answer_at_once(200, orjson.dumps(draft.body()))
            return None
        return _answer_slowly(exchange, draft)

    def count_input(self, exchange: Exchange) -> Work:
        fields = self._desk.read_json(exchange)
        if refused := self._desk.refusal(exchange, fields, last_user_text(fields.get("input"))):
            return refused
        request = self._read(owner_of(exchange), fields, only_counted=True)
        counted = request.prompt_tokens(exchange.record.body_bytes)
        asked = exchange.behaviour.prompt_tokens
        answer = {"object": "response.input_tokens", "input_tokens": counted if asked is None else asked}
        return reply(exchange, answer)

    def retrieve(self, exchange: Exchange, response_id: str) -> Work:
        if refused := self._desk.refusal(exchange, {}):
            return refused
        stored = self._store.get(owner_of(exchange), response_id)
        query = parse_qs(exchange.request.query)
        if query.get("stream") != ["true"]:
            return reply(exchange, stored.draft.body())
        if not stored.events:
            raise bad_request(
                "This response cannot be streamed because it was not created with background=true."
            )
        exchange.record.stream = True
        return follow(exchange, stored, after=_whole(query, "starting_after", -1))

    def delete(self, exchange: Exchange, response_id: str) -> Work:
        if refused := self._desk.refusal(exchange, {}):
            return refused
        self._store.delete(owner_of(exchange), response_id)
        return reply(exchange, {"id": response_id, "object": "response", "deleted": True})

    def cancel(self, exchange: Exchange, response_id: str) -> Work:
        if refused := self._desk.refusal(exchange, {}):
            return refused
        stored = self._store.get(owner_of(exchange), response_id)
        if not stored.draft.request.flag("background"):
            raise bad_request("Cannot cancel a synchronous response.")
        return _cancel(exchange, stored)

    def input_items(self, exchange: Exchange, response_id: str) -> Work:
        if refused := self._desk.refusal(exchange, {}):
            return refused
        stored = self._store.get(owner_of(exchange), response_id)
        query = parse_qs(exchange.request.query)
        items = listed_items(stored.context, response_id)
        if query.get("order") != ["asc"]:
            items.reverse()
        ids = [item["id"] for item in items]
        after = query.get("after", [""])[0]
        start = ids.index(after) + 1 if after in ids else 0
        end = start + min(_whole(query, "limit", _USUAL_PAGE), _LARGEST_PAGE)
        page = items[start:end]
        answer = {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": end < len(items),
        }
        return reply(exchange, answer)

    def _read(self, owner: str, fields: Fields, *, only_counted: bool = False) -> ResponsesRequest:
        history: list[dict[str, Any]] = []
        if (previous_id := fields.get("previous_response_id")) is not None:
            previous = self._store.previous(owner, str(previous_id))
            history = previous.context + previous.draft.output
        items = read_items(fields.get("input"), lambda item_id: self._store.item(owner, item_id))
        check_calls_are_answered(history + items)
        return read_responses_request(fields, history=history, items=items, only_counted=only_counted)

    def _draft(self, exchange: Exchange, request: ResponsesRequest) -> Draft:
        record, behaviour = exchange.record, request.behaviour_of(exchange.behaviour)
        record.model, record.stream, record.choices = request.model, request.flag("stream"), 1
        record.max_tokens = request.max_output_tokens
        prompt = behaviour.prompt_tokens
        record.prompt_tokens = request.prompt_tokens(record.body_bytes) if prompt is None else prompt
        if record.prompt_tokens > request.model.context_tokens:
            raise context_too_long()
        cached = behaviour.cached
        if cached is None:
            messages = as_messages(request.instructions, request.context)
            cached = self._cache.read(request.model.id, messages, record.prompt_tokens)
        record.cached_tokens = min(cached, record.prompt_tokens)
        choice = make_choices(request.as_chat(), behaviour, self._desk.prose)[0]
        return new_draft(request, record, behaviour, choice, self._desk.prose)


def _reply(exchange: Exchange, draft: Draft) -> Work:
    return reply(exchange, draft.body())


async def _stream(exchange: Exchange, draft: Draft) -> None:
    events = ResponseEvents(draft)

    def failed() -> list[tuple[bytes, bytes]]:
        draft.fail()
        return [events.error()] if exchange.behaviour.error_event else events.ending()

    stream = StepStream(exchange, failed)
    try:
        await stream.begin()
        stream.add(events.opening())
        await stream.play(events.steps())
        await stream.pause()
        draft.end()
        await stream.end(events.ending(), extra=[events.extra()])
    finally:
        if not draft.is_over:
            draft.cancel()


async def _answer_slowly(exchange: Exchange, draft: Draft) -> None:
    def made(tokens: int) -> None:
        exchange.record.completion_tokens = tokens

    try:
        await asyncio.sleep(exchange.pace.first_s)
        await exchange.work_unseen(draft.tokens, draft.tokens * exchange.pace.per_token_s, made)
        _finish(draft)
        if exchange.behaviour.error_after_chunks is not None:
            draft.fail()
            exchange.record.reported_usage.clear()
        await exchange.answer(orjson.dumps(draft.body()))
    finally:
        if not draft.is_over:
            draft.cancel()


def _finish(draft: Draft) -> None:
    record = draft.record
    record.completion_tokens, record.reasoning_tokens = draft.tokens, draft.reasoning_tokens
    searches = sum(item.finished["type"] == "web_search_call" for item in draft.items)
    if searches:
        record.units["web_searches"] = searches
    draft.output = [item.finished for item in draft.items]
    draft.end()


async def _cancel(exchange: Exchange, stored: Stored) -> None:
    await cancel_work(stored)
    await exchange.answer(orjson.dumps(stored.draft.body()))


def _whole(query: dict[str, list[str]], name: str, default: int) -> int:
    value = query.get(name, [""])[0]
    return int(value) if value.isdigit() else default
