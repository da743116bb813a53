"""Clients on bare sockets: many at once, each with what it saw, and how it leaves."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
import uvloop

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Ask:
    """One call. A client that leaves does so after so many chunks with content, or after so many seconds.

    `path` is under /v1: chat completions, or Messages.
    """

    user: str  # names the call in the gateway's events and the provider's books alike
    body: dict[str, Any]
    key: str
    leave_after: int | None = None
    leave_after_s: float | None = None
    reset: bool = False  # leaves with RST, else with FIN
    path: str = "chat/completions"

    @property
    def anthropic(self) -> bool:
        return self.path == "messages"

    def wire(self) -> bytes:
        named = {"metadata": {"user_id": self.user}} if self.anthropic else {"user": self.user}
        body = json.dumps({**self.body, **named}).encode()
        head = (
            f"POST /v1/{self.path} HTTP/1.1\r\nhost: orbit\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {self.key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    @property
    def mark(self) -> bytes:
        """What each chunk with content has once."""
        return b'"content_block_delta"' if self.anthropic else b'"content":'

    @property
    def last(self) -> bytes:
        """What a whole stream ends with."""
        return b'data: {"type":"message_stop"}\n\n' if self.anthropic else b"data: [DONE]\n\n"


@dataclass
class Seen:
    """What a client saw; `status` 0 when no answer began, `finished` when one came to its end."""

    user: str
    started: float = 0.0
    status: int = 0
    request_id: str | None = None
    code: str | None = None
    finished: bool = False
    left: bool = False
    decided_s: float = 0.0  # until the head of the answer
    ended: float = 0.0
    body: bytes = b""


def chat(directives: str = "", **more: Any) -> dict[str, Any]:
    content = f"hello [[orbit-demo: {directives}]]" if directives else "hello"
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **more}


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pieces: list[bytes] = []
        self.chunks = 0
        self.transport: asyncio.Transport | None = None
        self.ask: Ask | None = None
        self.seen = Seen("")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def send(self, ask: Ask) -> None:
        assert self.transport is not None
        self.ask, self.seen = ask, Seen(ask.user, time.monotonic())
        self.transport.write(ask.wire())
        if ask.leave_after_s is not None:
            asyncio.get_running_loop().call_later(ask.leave_after_s, self.leave)

    def data_received(self, data: bytes) -> None:
        if self.seen.left:
            return
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"x-orbit-request-id":
            self.seen.request_id = value.decode()

    def on_headers_complete(self) -> None:
        self.seen.status = self.parser.get_status_code()
        self.seen.decided_s = time.monotonic() - self.seen.started

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)
        assert self.ask is not None
        if self.ask.leave_after is not None:
            self.chunks += piece.count(self.ask.mark)
            if self.chunks > self.ask.leave_after:
                self.leave()

    def on_message_complete(self) -> None:
        self.seen.body = b"".join(self.pieces)
        streamed = self.ask is not None and self.ask.body.get("stream") and self.seen.status == 200
        self.seen.finished = not streamed or (self.ask is not None and self.seen.body.endswith(self.ask.last))
        self._end()

    def leave(self) -> None:
        if self.done.done() or self.transport is None:
            return
        self.seen.left = True
        if self.ask is not None and self.ask.reset:
            found: socket.socket = self.transport.get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self.done.done():
            self.seen.ended = time.monotonic()
            self.done.set_result(None)

    def result(self) -> Seen:
        seen = self.seen
        seen.body = seen.body or b"".join(self.pieces)
        if seen.status >= 400 and seen.finished:
            seen.code = json.loads(seen.body)["error"].get("code")
        return seen


@dataclass
class Crowd:
    """The calls of one trial. `seen` grows as they end."""

    port: int
    asks: Sequence[Ask]
    at_once: int
    barrier: bool = False  # all connect first and ask together
    connected: Callable[[], None] = lambda: None  # called between the two
    seen: list[Seen] = field(default_factory=list)

    def run(self) -> list[Seen]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._rush() if self.barrier else self._in_turn())
        return self.seen

    async def _rush(self) -> None:
        connections = [await self._connect() for _ in self.asks]
        await asyncio.sleep(0.05)  # until every worker has accepted its share
        self.connected()
        await asyncio.gather(*map(self._ask, connections, self.asks))

    async def _in_turn(self) -> None:
        gate = asyncio.Semaphore(self.at_once)

        async def one(ask: Ask) -> None:
            async with gate:
                try:
                    connection = await self._connect()
                except OSError:
                    self.seen.append(Seen(ask.user))
                    return
                await self._ask(connection, ask)

        await asyncio.gather(*map(one, self.asks))

    async def _connect(self) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, "127.0.0.1", self.port
        )
        return connection

    async def _ask(self, connection: _Connection, ask: Ask) -> None:
        connection.send(ask)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await connection.done
        except TimeoutError:
            connection.seen.code = "no answer"
        if connection.transport is not None:
            connection.transport.close()
        self.seen.append(connection.result())
