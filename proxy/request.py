"""The request as DRF sees it: made from the ASGI scope without Django's own request cycle."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from rest_framework.request import Request

from proxy.context import Principal
from proxy.traces.trace import Trace


class GatewayRequest(HttpRequest):
    """An `HttpRequest` with our own facts and without its many empty dictionaries, which nothing here reads.

    Header names are lower-case bytes, as ASGI has them.
    """

    # what DRF looks for in vain, which costs more than finding nothing
    _force_auth_user = _force_auth_token = None

    def __init__(self, method: str, path: str, header_map: dict[bytes, bytes], body: bytes) -> None:
        self.method = method
        self.path = self.path_info = path
        self.META = {"REQUEST_METHOD": method}
        self.header_map = header_map
        self._body = body
        self.request_id: UUID
        self.digest: bytes = b""
        self.query_string: bytes = b""
        self.principal: Principal | None = None
        self.client_ip: str | None = None
        self.model: str | None = None  # that its body names, once that is known
        self.trace: Trace | None = None
        self.runtime: Any = None

    @property
    def body(self) -> bytes:
        return self._body


def raw_of(request: Request) -> GatewayRequest:
    """The request under DRF's, which has no public name for it."""
    return cast("GatewayRequest", request._request)  # noqa: SLF001
