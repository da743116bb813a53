"""One request with all that is needed to answer it."""

import asyncio
import gzip
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson

from . import peers
from .behaviour import WELL_BEHAVED, Behaviour
from .connection import Connection, Request
from .heads import EVIL, Heads, Vendor
from .messages_refusals import error_body, retry_advice, unknown_field
from .oracle import Record
from .refusals import Refusal, bad_request, refusal_of_status
from .wire import Wire

_MEBIBYTE = 1024 * 1024
_HTML_ERROR = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad gateway</h1>"
    b"<script>alert('from the provider')</script><p>The upstream is having a bad day.</p></body></html>"
)


@dataclass(slots=True)
class Pace:
    """Seconds; zero is as fast as possible."""

    first_s: float
    per_token_s: float
    per_chunk_s: float


class Exchange:
    def __init__(self, connection: Connection, request: Request, record: Record, heads: Heads) -> None:
        self.connection = connection
        self.request = request
        self.record = record
        self.behaviour: Behaviour = WELL_BEHAVED
        self.pace = Pace(0, 0, 0)
        self.may_kill = False
        self.vendor: Vendor = _vendor_of(request)
        # Set when work goes on after the answer; whoever does it closes the books.
        self.outlives_answer = False
        self._heads = heads
        self._wire: Wire | None = None

    @property
    def can_answer_at_once(self) -> bool:
        return self.behaviour is WELL_BEHAVED and not (self.pace.first_s or self.pace.per_token_s)

    @property
    def wire(self) -> Wire:
        if self._wire is None:
            self._wire = Wire(self.connection, self.record, self.behaviour, self.kill_peer)
        return self._wire

    def head(
        self,
        status: int,
        content_type: str,
        *,
        length: int | None = None,
        chunked: bool = False,
        extra: dict[str, str] | None = None,
    ) -> bytes:
        self.record.status = status
        if self.behaviour.evil_headers:
            extra = (extra or {}) | EVIL
        return self._heads.head(
            status,
            content_type=content_type,
            request_id=self.record.id,
            started_at=self.record.started_at,
            vendor=self.vendor,
            length=length,
            chunked=chunked,
            keep_alive=self.request.keep_alive and (chunked or length is not None),
            extra=extra,
        )

    def answer_at_once(
        self,
        status: int,
        body: bytes,
        extra: dict[str, str] | None = None,
        *,
        content_type: str = "application/json",
    ) -> None:
        data = self.head(status, content_type, length=len(body), extra=extra) + body
        self.record.bytes_sent = len(data)
        self.connection.write(data)

    def unknown_field(self, name: str) -> Refusal:
        if self.vendor == "anthropic":
            return unknown_field(name)
        return bad_request(f"Unrecognized request argument supplied: {name}", param=name)

    def refuse_at_once(self, refusal: Refusal) -> None:
        self.answer_at_once(refusal.status, self._error_body(refusal), self._error_headers(refusal))

    async def answer_after_delay(self, body: bytes) -> None:
        await asyncio.sleep(self.pace.first_s)
        await self.answer(body)

    def answer_soon(self, body: bytes) -> Coroutine[Any, Any, None] | None:
        """A plain 200 for work that is done in no time: after the usual delay."""
        if self.can_answer_at_once:
            self.answer_at_once(200, body)
            return None
        return self._answer_late(body)

    async def _answer_late(self, body: bytes) -> None:
        await asyncio.sleep(self.pace.first_s)
        await self.answer(body)

    async def answer(self, body: bytes, *, content_type: str = "application/json") -> None:
        """A plain 200, with the faults that plain answers can have."""
        behaviour = self.behaviour
        extra = None
        if behaviour.gzip_bomb is not None:
            body = gzip.compress(b" " * (behaviour.gzip_bomb * _MEBIBYTE) + body)
            extra = {"content-encoding": "gzip"}
        announced = max(0, len(body) + behaviour.content_length_off)
        head = self.head(200, content_type, length=announced, extra=extra)
        if behaviour.kill_peer_after_chunks is not None:
            await self.kill_peer()
        if behaviour.cut_after_chunks is not None:
            await self.wire.send(head + body[: len(body) // 2])
            await self.wire.cut()
        if behaviour.fin_after_chunks is not None:
            await self.wire.send(head + body[: len(body) // 2])
            await self.wire.close()
        if behaviour.stall_after_chunks is not None:
            await self.wire.send(head)
            await asyncio.sleep(behaviour.stall_s)
            head = b""
        await self.wire.send(head + body)
        if behaviour.content_length_off:
            await self.wire.close()

    async def refuse(self, refusal: Refusal) -> None:
        """The error that the directives ask for, after the delay that they ask for."""
        behaviour = self.behaviour
        await asyncio.sleep(self.pace.first_s)
        extra = self._error_headers(refusal)
        if behaviour.retry_after:
            extra["retry-after"] = behaviour.retry_after
        if behaviour.redirect:
            head = self.head(307, "text/plain", length=0, extra={"location": behaviour.redirect})
            await self.wire.send(head)
        elif behaviour.html_error:
            head = self.head(
                refusal.status,
                "text/html; charset=utf-8",
                length=len(_HTML_ERROR),
                extra=extra,
            )
            await self.wire.send(head + _HTML_ERROR)
        else:
            body = self._error_body(refusal)
            head = self.head(refusal.status, "application/json", length=len(body), extra=extra)
            await self.wire.send(head + body)

    def _error_body(self, refusal: Refusal) -> bytes:
        return refusal.body() if self.vendor == "openai" else error_body(refusal, self.record.id)

    def _error_headers(self, refusal: Refusal) -> dict[str, str]:
        return {} if self.vendor == "openai" else retry_advice(refusal)

    def error_event(self) -> tuple[bytes, bytes]:
        """The name and payload with which a stream of the older kinds breaks off."""
        error = {
            "message": "The server had an error while processing your request. Sorry about that!",
            "type": "server_error",
            "param": None,
            "code": self.behaviour.code or None,
        }
        return b"error" if self.behaviour.error_event else b"", orjson.dumps({"error": error})

    async def kill_peer(self) -> None:
        if not self.may_kill:
            self.record.note = "kill refused: the provider was not started with --allow-kill"
            return
        try:
            self.record.killed_pid = peers.kill_owner(near=self.connection.local, far=self.connection.peer)
        except (peers.CannotKill, OSError) as failure:
            self.record.note = f"kill refused: {failure}"
        # The socket of the dead process closes, and that cancels this answer.
        await asyncio.sleep(1 if self.record.killed_pid else 0)

    async def work_unseen(self, tokens: int, seconds: float, made: Callable[[int], None]) -> None:
        """Make tokens nobody sees yet; if the client leaves meanwhile, only a part of them was made."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            if seconds > 0:
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            made(min(tokens, int(tokens * (loop.time() - began) / seconds)))
            raise
        made(tokens)


def asked_refusal(behaviour: Behaviour) -> Refusal:
    return refusal_of_status(behaviour.status or 502, behaviour.code or None)


def _vendor_of(request: Request) -> Vendor:
    """Both vendors list their models at the same address; only Anthropic's clients name a version."""
    if request.path.startswith("/v1/messages"):
        return "anthropic"
    lists = request.path.startswith("/v1/models")
    return "anthropic" if lists and request.header(b"anthropic-version") else "openai"
