"""What every endpoint needs from the provider's front: the body, the directives, the books."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson

from .behaviour import WELL_BEHAVED
from .exchange import Exchange, asked_refusal
from .multipart import Form
from .oracle import Record
from .prose import Prose

Work = Coroutine[Any, Any, None] | None
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """`behave` reads the directives of a request: from its fields, from a text, from the header."""

    read_json: Callable[[Exchange], Fields]
    behave: Callable[[Exchange, Fields, str], None]
    close_books: Callable[[Record, str], None]
    prose: Prose

    def remember_form(self, exchange: Exchange, form: Form) -> None:
        exchange.record.model_asked = str(form.fields.get("model") or "")
        exchange.record.fields = form.outline()

    def refusal(self, exchange: Exchange, fields: Fields, text: str = "") -> Work:
        """The error that the request asked for, or None: then it is served."""
        self.behave(exchange, fields, text)
        return exchange.refuse(asked_refusal(exchange.behaviour)) if exchange.behaviour.refuses else None


def reply(exchange: Exchange, body: Any) -> Work:
    """An answer that takes no work: it waits only if told to."""
    data = orjson.dumps(body)
    if exchange.behaviour is WELL_BEHAVED:
        exchange.answer_at_once(200, data)
        return None
    return _late_reply(exchange, data)


async def _late_reply(exchange: Exchange, data: bytes) -> None:
    if exchange.behaviour.first_ms is not None:
        await asyncio.sleep(exchange.pace.first_s)
    await exchange.answer(data)


def owner_of(exchange: Exchange) -> str:
    """The account: here, one per key."""
    return exchange.request.header(b"authorization").partition(" ")[2].strip()
