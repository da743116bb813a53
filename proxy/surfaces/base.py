"""What a surface is: how its errors read, plain and at the end of a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import ceil
from typing import Any

import orjson

from orbit.lib.errors import Code, OrbitError
from proxy.context import Headers, Reply

FINAL = {Code.REQUEST_EXCEEDS_LIMIT, Code.INSUFFICIENT_QUOTA}
SOON_S = 5.0  # clients that try again by themselves wait about so long in all


class Surface(ABC):
    name: str
    id_header: bytes  # under which the surface's own SDKs look for a request's id
    keep_alive = b": keep-alive\n\n"  # what a stream may hold at any time, and no client takes for content
    dialects: frozenset[
        str
    ]  # of providers whose error bodies a client of this surface understands as they are

    @abstractmethod
    def error_body(self, error: OrbitError, request_id: str) -> dict[str, Any]: ...

    @abstractmethod
    def error_event(self, error: OrbitError, request_id: str, endpoint: str, passed: int) -> bytes:
        """The last event of a stream that ends before its time, after those that were passed on."""

    @abstractmethod
    def foreign_error(self, status: int, kind: str, message: str, request_id: str) -> dict[str, Any]:
        """An error of a provider that speaks another dialect."""

    def request_id_headers(self, request_id: str) -> Headers:
        """Under our own name, and under the one that the surface's SDKs show."""
        written = request_id.encode()
        return [(b"x-orbit-request-id", written), (self.id_header, written)]

    def error_reply(self, error: OrbitError, request_id: str) -> Reply:
        headers: Headers = [(b"content-type", b"application/json"), *self.request_id_headers(request_id)]
        if error.data.get("limit"):
            headers.append((b"x-orbit-limit", str(error.data["limit"]).encode()))
        if error.retry_after_s is not None:
            headers.append((b"retry-after", str(max(1, ceil(error.retry_after_s))).encode()))
        if error.code in FINAL and (error.retry_after_s is None or error.retry_after_s > SOON_S):
            headers.append((b"x-should-retry", b"false"))
        if error.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        return Reply(error.status, headers, orjson.dumps(self.error_body(error, request_id)))
