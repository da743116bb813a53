"""Response heads, as OpenAI's edge writes them."""

import time
from email.utils import formatdate

_REASONS = {
    200: "OK",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_USUAL = (
    b"openai-organization: org-orbit-demo\r\n"
    b"openai-version: 2020-10-01\r\n"
    b"x-ratelimit-limit-requests: 10000\r\n"
    b"x-ratelimit-limit-tokens: 2000000\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\n"
    b"x-ratelimit-remaining-tokens: 1999000\r\n"
    b"x-ratelimit-reset-requests: 6ms\r\n"
    b"x-ratelimit-reset-tokens: 30ms\r\n"
)
EVIL = {
    "set-cookie": "session=stolen; Path=/; HttpOnly",
    "x-padding": "p" * 8_000,
    "strict-transport-security": "max-age=1",
    "access-control-allow-origin": "*",
    "server": "evil/1.0",
}


class Heads:
    def __init__(self) -> None:
        self._second = 0
        self._date = b""

    def head(
        self,
        status: int,
        *,
        content_type: str,
        request_id: str,
        started_at: float,
        length: int | None = None,
        chunked: bool = False,
        keep_alive: bool = True,
        extra: dict[str, str] | None = None,
    ) -> bytes:
        """`length` None: the body is chunked, or else it ends with the connection."""
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._date = formatdate(now, usegmt=True).encode()
        framing = f"content-length: {length}\r\n" if length is not None else ""
        if chunked:
            framing = "transfer-encoding: chunked\r\n"
        if not keep_alive:
            framing += "connection: close\r\n"
        more = "".join(f"{name}: {value}\r\n" for name, value in extra.items()) if extra else ""
        text = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n"
            f"content-type: {content_type}\r\n{framing}"
            f"x-request-id: {request_id}\r\n"
            f"openai-processing-ms: {int((now - started_at) * 1000)}\r\n{more}"
        )
        return text.encode("latin-1") + _USUAL + b"date: " + self._date + b"\r\n\r\n"
