"""/metrics, for whoever has the token or comes straight from an address that may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from orbit.lib.metrics import CONTENT_TYPE
from orbit.lib.peer import client_address
from orbit.metrics.scrape import Scrapes

PATH = "/metrics"
REFUSED = (
    b"Send the token of ORBIT_METRICS_TOKEN as `Authorization: Bearer`, or come from a network of ORBIT_METRICS_ADDRESSES "
    b"without a proxy in between.\n"
)
FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def answer(scrapes: Scrapes | None, scope: Mapping[str, Any], send: Send) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        await _send(send, 405, b"GET only.\n", [(b"allow", b"GET, HEAD")])
    elif not may_read(scope):
        await _send(send, 401, REFUSED, [(b"www-authenticate", b"Bearer")])
    elif scrapes is None:
        await _send(send, 503, b"Starting.\n")
    else:
        body = await scrapes.answer()
        await _send(send, 200, body, [(b"cache-control", b"no-store")], CONTENT_TYPE.encode())


def may_read(scope: Mapping[str, Any]) -> bool:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    token, sent = settings.ORBIT_METRICS_TOKEN.encode(), headers.get(b"authorization", b"")
    if token and sent[:7].lower() == b"bearer " and compare_digest(sent[7:].strip(), token):
        return True
    address = _address(scope, headers)
    return address is not None and any(address in one for one in settings.ORBIT_METRICS_ADDRESSES)


def _address(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Any:
    """Whose request it is. None where a proxy that we do not know stands in between: its address is not the asker's."""
    hops, peer = settings.ORBIT_TRUSTED_PROXIES, scope.get("client")
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    if any(name in headers for name in FORWARDED) and not 0 < hops <= len(forwarded.split(",")):
        return None
    try:
        return ip_address(client_address(hops, forwarded, peer[0] if peer else None) or "")
    except ValueError:
        return None


async def _send(
    send: Send,
    status: int,
    body: bytes,
    more: list[tuple[bytes, bytes]] | None = None,
    kind: bytes = b"text/plain",
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *(more or [])]
    headers.append((b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
