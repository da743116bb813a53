"""From a request's bytes to the call that limits are asked about."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from orbit.lib.errors import Code, OrbitError
from proxy import asked as asking
from proxy.call import Call, Request
from proxy.context import EffectivePolicy, Principal
from proxy.forms import Form
from proxy.health import Health
from proxy.routing import Plan, Stop, planned
from proxy.surfaces.base import Surface
from proxy.targets import aimed, resolve

# Headers of a client that go on to a provider whose format it speaks.
CARRIED = (b"anthropic-version", b"anthropic-beta")
CARRIED_LENGTH = 1_000


def make_call(
    *,
    request_id: UUID,
    principal: Principal,
    policy: EffectivePolicy,
    surface: Surface,
    endpoint: str,
    body: dict[str, Any],
    raw: bytes,
    headers: Mapping[bytes, bytes],
    client_ip: str | None,
    health: Health,
    form: Form | None = None,
) -> tuple[Call, Plan]:
    """A request with everything about it checked, aimed at its first target, and where it may go after that.

    Nothing is reserved yet.
    """
    if policy.max_body_bytes is not None and len(raw) > policy.max_body_bytes:
        raise OrbitError(
            Code.BODY_TOO_LARGE, f"The policy of this key allows bodies of {policy.max_body_bytes} bytes."
        )
    asked = asking.asked(endpoint, body)
    route = resolve(principal, body["model"])
    request = Request(
        id=request_id,
        principal=principal,
        surface=surface,
        endpoint=endpoint,
        body=body,
        raw=raw,
        route=route,
        stream=asked.stream,
        output=asked.output,
        choices=asked.choices,
        end_user=asking.end_user(body, headers, endpoint),
        tags=asking.tags(body, headers, endpoint),
        form=form,
        carried=carried(headers),
        client_ip=client_ip,
        user_agent=headers.get(b"user-agent", b"")[:200].decode("latin-1") or None,
        started=time.monotonic(),
    )
    plan = planned(principal, route, endpoint, _token(request, headers), health)
    first = plan[0]
    return aimed(request, first.alias, first.target, _spares(plan, first)), plan[1:]


def carried(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    return {
        name.decode(): value.decode("latin-1")
        for name in CARRIED
        if (value := headers.get(name)) and len(value) <= CARRIED_LENGTH
    }


def _spares(plan: Plan, first: Stop) -> tuple[Any, ...]:
    return tuple(stop.target for stop in plan[1:] if stop.alias == first.alias) if len(plan) > 1 else ()


def _token(request: Request, headers: Mapping[bytes, bytes]) -> str:
    """What a route keeps on one target."""
    kind = request.route.affinity
    if kind == "none" or (len(request.route.targets) == 1 and not request.route.fallbacks):
        return ""
    key = request.principal.key.id
    if kind == "key":
        return key
    if kind == "end_user":
        return f"{key}\n{request.end_user or ''}"
    named = headers.get(b"x-orbit-session", b"").decode("latin-1") or request.body.get("prompt_cache_key")
    return f"{key}\n{named if isinstance(named, str) and named else _beginning(request.body)}"


def _beginning(body: Mapping[str, Any]) -> str:
    """How a conversation began: the same for all its turns."""
    messages = body.get("messages") or body.get("input")
    first: Any = messages
    if isinstance(messages, list):
        first = next((one for one in messages if isinstance(one, dict) and one.get("role") == "user"), None)
    return orjson.dumps([body.get("system") or body.get("instructions"), first]).decode()
