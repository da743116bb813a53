"""What one connection to a web worker may do before a request of it is anybody's.

uvicorn knows no deadline for a request's head or body, and none for a client that does not take its answer. Here each
connection notes where it is; the server looks at all of them once a second, so that a request costs no timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

VERSIONS = ("1.0", "1.1")
MOST_HEADERS = 100
BYTES_A_SECOND = 32_768  # that each second beyond a deadline has to bring
PROGRESS = 16_384  # bytes by which a waiting answer changes when its client reads
WORDS = {
    HTTPStatus.BAD_REQUEST: "This is no HTTP request that can be read in only one way.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not come in time.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address of the request is too long.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The request has too many header fields, or they are too long.",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds for a head; for a body, and one more for each BYTES_A_SECOND of it; without reading an answer. Sizes of a head, in bytes."""

    head_s: float = 10.0
    body_s: float = 30.0
    unread_s: float = 60.0
    head_bytes: int = 32_768
    address_bytes: int = 8_192
    connections: int = 10_000  # of one worker; beyond them, those that nobody uses are closed


class Refused(Exception):
    """A head that is not taken."""


class EdgeProtocol(HttpToolsProtocol):
    """One connection. `look` is asked about once a second."""

    def __init__(self, *arguments: Any, bounds: Bounds, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.bounds = bounds
        self.status = HTTPStatus.BAD_REQUEST  # of the refusal, should there be one
        self.head_since: float | None = None  # None: no head is being waited for
        self.body_since: float | None = None
        self.head_size = self.body_size = 0
        self.begun = False  # whether a head has begun that is not complete
        self.unread = 0  # bytes of an answer, at the last progress
        self.unread_since: float | None = None

    # what comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.head_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # what follows on something refused is nobody's
        if self.head_since is None and self.body_since is None:
            self._await_head()
        self.head_size += len(data)
        super().data_received(data)
        if self.head_since is not None and self.head_size > self.bounds.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _await_head(self) -> None:
        self.head_since, self.head_size = self.loop.time(), 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.begun = True
        if self.head_since is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        bounds = self.bounds
        if self.parser.get_http_version() not in VERSIONS:
            raise Refused
        if len(self.url) > bounds.address_bytes:
            self.status = HTTPStatus.REQUEST_URI_TOO_LONG
            raise Refused
        size = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.headers) > MOST_HEADERS or size > bounds.head_bytes:
            self.status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise Refused
        self.begun, self.head_since, self.body_since, self.body_size = False, None, self.loop.time(), 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:  # what nobody wants any more buys no time
            self.body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.body_since = None
        super().on_message_complete()

    # what is refused

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what cannot be parsed, and ours to a head that is not taken."""
        self._refuse(self.status)

    def _refuse(self, status: HTTPStatus) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        answered = (
            cycle is not None
            and cycle.response_started
            and (self.body_since is not None or not cycle.response_complete)
        )
        if self.pipeline or answered:
            self.transport.close()  # words behind or in the middle of another answer would be part of it
            return
        self.transport.write(_answer(status, self.server_state.default_headers))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # whoever waits for its body learns that nothing comes
            cycle.message_event.set()
        self.transport.close()

    # what the server looks at

    @property
    def is_idle(self) -> bool:
        """Whether nobody would miss it: no request is under way, nor on its way."""
        return (self.cycle is None or self.cycle.response_complete) and self.body_since is None

    def look(self, now: float) -> None:
        """Ends it where it has had its time."""
        if self.flow.read_paused:  # that it waits is our doing
            self.head_since = self.head_since and now
            self.body_since = self.body_since and now
        elif self.head_since is not None and now - self.head_since > self.bounds.head_s:
            if self.begun:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            elif self.cycle is not None and not self.cycle.response_complete:
                self.head_since = None  # empty lines behind a request are none of the next
            else:
                self.transport.close()
        elif self.body_since is not None and now - self.body_since > self._for_body_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        self._look_at_reader(now)

    @property
    def _for_body_s(self) -> float:
        return self.bounds.body_s + self.body_size / BYTES_A_SECOND

    def _look_at_reader(self, now: float) -> None:
        """A client that takes nothing of what is written is left, and what is written with it."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self.unread_since = None
        elif self.unread_since is None or abs(size - self.unread) >= PROGRESS:
            self.unread, self.unread_since = size, now
        elif now - self.unread_since > self.bounds.unread_s:
            self.transport.abort()


def look_at(connections: Sequence[EdgeProtocol], now: float, most: int) -> None:
    """All of a worker's. Where there are more than `most`, idle ones make room."""
    for one in connections:
        one.look(now)
    over = len(connections) - most
    for one in [one for one in connections if one.is_idle][: max(0, over)]:
        one.transport.close()


def _answer(status: HTTPStatus, default: Iterable[tuple[bytes, bytes]]) -> bytes:
    error = {
        "message": WORDS[status],
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request",
    }
    content = orjson.dumps({"error": error})
    lines = [STATUS_LINE[status]]
    lines += [b"%b: %b\r\n" % pair for pair in default if pair[0] != b"connection"]
    lines.append(b"content-type: application/json\r\nx-content-type-options: nosniff\r\n")
    lines.append(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(content))
    return b"".join([*lines, content])
