"""One span for each request that Django answers: its route's template, never its address, query or body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from orbit.lib import logs
from orbit.lib.ids import uuid7
from orbit.lib.traces import Span, SpanKind
from orbit.lib.traces.span import Value
from orbit.traces import under
from proxy.traces.trace import Trace
from proxy.traces.tracer import Tracer

ROUTE = "orbit.route"  # of the scope of ASGI
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class RouteMiddleware:
    """Leaves the template of the route in the scope, where traces are on. Below what serves files: those have no span."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.ORBIT_TRACES_URL:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return self.get_response(request)
        finally:
            scope: Scope | None = getattr(request, "scope", None)  # tests' requests have none
            if scope is not None:
                scope[ROUTE] = request.resolver_match.route if request.resolver_match else ""


async def served(
    tracer: Tracer | None, application: Application, scope: Scope, receive: Receive, send: Send
) -> None:
    about = logs.about(uuid7())
    trace = tracer.begin(dict(scope["headers"])) if tracer is not None else None
    if tracer is None or trace is None or not trace.sampled:
        await application(scope, receive, send)
        return
    about.trace_id = trace.trace_id
    status = 0

    async def sent(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    token = under.enter(trace)
    try:
        await application(scope, receive, sent)
    finally:
        under.leave(token)
        if ROUTE in scope:
            tracer.exporter.put([_span(trace, scope, about, status)], spare=True)


def _span(trace: Trace, scope: Scope, about: logs.About, status: int) -> Span:
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    route = f"/{scope[ROUTE]}" if scope[ROUTE] else ""
    failed = str(status or "gone") if status >= 500 or not status else ""
    found: dict[str, Value | None] = {
        "http.request.method": method,
        "http.route": route or None,
        "http.response.status_code": status or None,
        "error.type": failed or None,
        "orbit.request_id": str(about.request_id),
        "orbit.organization_id": str(about.organization_id) if about.organization_id else None,
    }
    return Span(
        f"{method} {route}".strip(),
        SpanKind.SERVER,
        trace.trace_id,
        trace.span_id,
        trace.parent_id,
        trace.start_ns,
        trace.now(),
        {name: value for name, value in found.items() if value is not None},
        error=failed,
        state=trace.state,
    )
