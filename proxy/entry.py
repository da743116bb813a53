"""The thin way from ASGI to the proxy's DRF views, past the parts of Django's cycle that hop threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from orbit.lib import logs
from orbit.lib.errors import Code, OrbitError
from orbit.lib.ids import uuid7
from orbit.lib.peer import client_address
from proxy import reads
from proxy.checks import check_principal
from proxy.context import Principal, Reply
from proxy.credentials import named_key
from proxy.pipeline import Streamed
from proxy.request import GatewayRequest
from proxy.room import Seat
from proxy.routes import TABLE, Route
from proxy.runtime import Runtime
from proxy.surfaces import spoken
from proxy.views import CallView
from tenants import keys

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

EXACT: dict[str, dict[str, Route]] = {}
NAMED: dict[tuple[str, str], dict[str, Route]] = {}  # by what comes before the name and what after it
for _route in sorted(TABLE, key=lambda one: one.path.endswith("{name}")):  # a longer path is the nearer one
    _prefix, _name, _suffix = _route.path.partition("{name}")
    if _name:
        NAMED.setdefault((_prefix, _suffix), {})[_route.method] = _route
    else:
        EXACT.setdefault(_prefix, {})[_route.method] = _route

BETA = b"anthropic-beta"  # may come in several lines
NOSNIFF = (
    b"x-content-type-options",
    b"nosniff",
)  # whoever opens it in a browser sees no page of a provider's
PIECE = 262_144  # bytes of a plain answer that are handed over at once
INTERNAL = OrbitError(
    Code.INTERNAL_ERROR, "Something went wrong on our side. Name the request id to your operator."
)


class ClientLeft(Exception):
    """The client went away before its request was complete."""


async def serve(runtime: Runtime, scope: Scope, receive: Receive, send: Send) -> None:
    """One request of an application."""
    seat = Seat(runtime.room)
    outcome: Reply | Streamed | None = None
    try:
        outcome = await _outcome(runtime, scope, receive, seat)
        if isinstance(outcome, Reply):
            await _send_reply(outcome, send)
        else:
            await _send_stream(outcome, receive, send)
    except ClientLeft:
        return
    finally:
        if isinstance(outcome, Streamed) and not outcome.pump.done():  # the provider is read on
            outcome.pump.add_done_callback(lambda _: seat.leave())
        else:
            seat.leave()


async def _outcome(runtime: Runtime, scope: Scope, receive: Receive, seat: Seat) -> Reply | Streamed:
    """What the client gets; every failure in its surface's shape."""
    request_id = uuid7()
    about = logs.about(request_id)
    headers: dict[bytes, bytes] = dict(scope["headers"])
    trace = None if runtime.tracer is None else runtime.tracer.begin(headers)
    if len(headers) < len(scope["headers"]) and BETA in headers:
        headers[BETA] = b",".join(value for name, value in scope["headers"] if name == BETA)
    if trace is not None:
        about.trace_id = trace.trace_id
    surface = spoken(scope["path"], headers)
    try:
        route, path = _route_of(scope)
        request = await _request(runtime, route, scope, headers, receive, seat)
        request.request_id, request.trace = request_id, trace
        if request.principal is not None:
            about.organization_id = request.principal.organization.id
        return await route.view(route.endpoint, route.surface or surface).respond(request, **path)
    except OrbitError as error:
        runtime.measures.turned_away(seat.principal, error)
        if seat.principal is not None:
            if error.code is Code.OVERLOADED:
                runtime.repeats.count(seat.principal, error)
            runtime.refusals.add(seat.principal, request_id, route.endpoint, None, error)
        return surface.error_reply(error, str(request_id))
    except ClientLeft:
        raise
    except Exception:
        logger.exception("request %s failed", request_id)
        runtime.measures.turned_away(seat.principal, INTERNAL)
        return surface.error_reply(INTERNAL, str(request_id))


def _route_of(scope: Scope) -> tuple[Route, dict[str, str]]:
    path = scope["path"]
    methods, parts = EXACT.get(path), dict[str, str]()
    if methods is None:
        for (prefix, suffix), named in NAMED.items():
            if path.startswith(prefix) and path.endswith(suffix) and len(path) > len(prefix) + len(suffix):
                methods, parts = named, {"name": path[len(prefix) : len(path) - len(suffix)]}
                break
    if methods is None:
        raise OrbitError(
            Code.NOT_FOUND, "There is no such endpoint. docs/errors.md lists those that there are."
        )
    route = methods.get(scope["method"])
    if route is None:
        raise OrbitError(Code.METHOD_NOT_ALLOWED, f"This endpoint takes {', '.join(methods)}.")
    return route, parts


async def _request(
    runtime: Runtime, route: Route, scope: Scope, headers: dict[bytes, bytes], receive: Receive, seat: Seat
) -> GatewayRequest:
    key = named_key(scope["headers"], scope["query_string"])
    digest = keys.digest(key, runtime.key_pepper) if len(key) == keys.LENGTH else b""
    principal = runtime.snapshots.known(digest)
    if principal is None and digest and keys.well_formed(key):
        principal = await runtime.snapshots.find(digest)
    body, wrong = b"", None
    if principal is not None:
        seat.take(principal)
    if principal is not None and scope["method"] == "POST":
        if runtime.repeats.rows and issubclass(route.view, CallView):  # nothing else asks limits
            _check_repeats(runtime, digest, principal)
        try:
            body = await _body(runtime, headers, receive, seat)
        except OrbitError as error:
            wrong = error
    if runtime.over:  # the body may have taken longer than there was time
        raise OrbitError(Code.SHUTTING_DOWN, "The gateway is restarting. Try again.", retry_after_s=1)
    request = GatewayRequest(scope["method"], scope["path"], headers, body)
    request.runtime, request.digest, request.principal = runtime, digest, principal
    request.query_string = scope["query_string"]
    request.client_ip = _client_ip(runtime.trusted_proxies, scope, headers)
    if wrong is not None:
        check_principal(await reads.fresh(request))  # a bad key hears of nothing else
        raise wrong
    return request


def _check_repeats(runtime: Runtime, digest: bytes, principal: Principal) -> None:
    """A key that a limit refuses again and again is answered before its body is read."""
    error = runtime.repeats.known(digest, asyncio.get_running_loop().time())
    if error is not None:
        runtime.repeats.count(principal, error)
        raise error


async def _body(runtime: Runtime, headers: dict[bytes, bytes], receive: Receive, seat: Seat) -> bytes:
    """The whole body, refused as early as its length is known."""
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise OrbitError(Code.UNSUPPORTED_ENCODING, "Send the body without Content-Encoding.")
    most = runtime.max_body_bytes
    declared = headers.get(b"content-length", b"")
    if declared.isdigit():
        if int(declared) > most:
            raise _too_large(most)
        seat.hold(int(declared))
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise _too_large(most)
        if size > seat.size:
            seat.hold(size)
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(most: int) -> OrbitError:
    return OrbitError(Code.BODY_TOO_LARGE, f"The body is larger than {most} bytes.")


def _client_ip(hops: int, scope: Scope, headers: dict[bytes, bytes]) -> str | None:
    client = scope.get("client")
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    return client_address(hops, forwarded, client[0] if client else None)


async def _send_reply(reply: Reply, send: Send) -> None:
    """A large one piece by piece, so that a client that reads slowly keeps its seat as long as we keep its answer."""
    body = reply.body
    headers = [*reply.headers, NOSNIFF, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if len(body) > PIECE:
        for start in range(0, len(body) - PIECE, PIECE):
            await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
        body = body[(len(body) - 1) // PIECE * PIECE :]
    await send({"type": "http.response.body", "body": body})


async def _send_stream(stream: Streamed, receive: Receive, send: Send) -> None:
    """Feeds the client until the stream ends; its departure is told to the task that reads the provider."""
    channel = stream.channel
    watcher = asyncio.create_task(_departure(receive, stream), name="departure")
    try:
        headers = [*stream.headers, NOSNIFF, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while piece := await channel.get():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not (channel.abandoned or channel.broken):  # without an end the connection breaks
            await send({"type": "http.response.body", "body": b""})
    except OSError:
        _leave(stream)
    except BaseException:  # whatever it is, nobody reads any more
        _leave(stream)
        raise
    finally:
        watcher.cancel()


async def _departure(receive: Receive, stream: Streamed) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    _leave(stream)


def _leave(stream: Streamed) -> None:
    """Stops the pump where it waits; it settles what was generated so far."""
    if not stream.channel.ended and not stream.channel.abandoned:
        stream.channel.abandon()
        stream.pump.cancel()
