"""Response heads, as the vendors' edges write them."""

import time
from email.utils import formatdate
from typing import Literal

Vendor = Literal["openai", "anthropic"]

_REASONS = {
    200: "OK",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    529: "Overloaded",
}
_OPENAI = (
    b"openai-organization: org-orbit-demo\r\n"
    b"openai-version: 2020-10-01\r\n"
    b"x-ratelimit-limit-requests: 10000\r\n"
    b"x-ratelimit-limit-tokens: 2000000\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\n"
    b"x-ratelimit-remaining-tokens: 1999000\r\n"
    b"x-ratelimit-reset-requests: 6ms\r\n"
    b"x-ratelimit-reset-tokens: 30ms\r\n"
)
_ANTHROPIC = """\
anthropic-organization-id: 0b17d3e0-0000-4000-8000-0de300000000
anthropic-ratelimit-requests-limit: 4000
anthropic-ratelimit-requests-remaining: 3999
anthropic-ratelimit-requests-reset: {reset}
anthropic-ratelimit-tokens-limit: 2400000
anthropic-ratelimit-tokens-remaining: 2399000
anthropic-ratelimit-tokens-reset: {reset}
anthropic-ratelimit-input-tokens-limit: 2000000
anthropic-ratelimit-input-tokens-remaining: 1999000
anthropic-ratelimit-input-tokens-reset: {reset}
anthropic-ratelimit-output-tokens-limit: 400000
anthropic-ratelimit-output-tokens-remaining: 399000
anthropic-ratelimit-output-tokens-reset: {reset}
""".replace("\n", "\r\n")
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
        self._anthropic = b""

    def head(
        self,
        status: int,
        *,
        content_type: str,
        request_id: str,
        started_at: float,
        vendor: Vendor = "openai",
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
            reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 1))
            self._anthropic = _ANTHROPIC.format(reset=reset).encode()
        framing = f"content-length: {length}\r\n" if length is not None else ""
        if chunked:
            framing = "transfer-encoding: chunked\r\n"
        if not keep_alive:
            framing += "connection: close\r\n"
        more = "".join(f"{name}: {value}\r\n" for name, value in extra.items()) if extra else ""
        text = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n"
            f"content-type: {content_type}\r\n{framing}"
            f"{_ids(vendor, request_id, now - started_at)}{more}"
        )
        usual = _OPENAI if vendor == "openai" else self._anthropic
        return text.encode("latin-1") + usual + b"date: " + self._date + b"\r\n\r\n"


def _ids(vendor: Vendor, request_id: str, took_s: float) -> str:
    if vendor == "anthropic":
        return f"request-id: {request_id}\r\n"
    return f"x-request-id: {request_id}\r\nopenai-processing-ms: {int(took_s * 1000)}\r\n"
