"""From a request's bytes to the call that limits are asked about."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any
from uuid import UUID

from orbit.lib import numbers
from orbit.lib.errors import Code, OrbitError
from proxy import asked as asking
from proxy.call import Call, Request
from proxy.context import EffectivePolicy, ModelRoute, Principal
from proxy.fields import bad
from proxy.forms import Form
from proxy.health import Health
from proxy.personal.inspection import Inspection
from proxy.routing import Plan, Stop, planned
from proxy.surfaces import ANTHROPIC
from proxy.surfaces.base import Surface
from proxy.targets import aimed, fitted, renew, resolve, serving
from proxy.traces.trace import Trace

# Headers of a client that go on to a provider whose format it speaks.
CARRIED = (b"anthropic-version", b"anthropic-beta")
CARRIED_LENGTH = 1_000
NOTHING: Mapping[str, str] = {}
SESSIONS = (b"x-orbit-session", b"x-claude-code-session-id")  # what a conversation is known by


async def make_call(
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
    started: float,
    accounts: Container[str] | None = None,
    form: Form | None = None,
    inspection: Inspection | None = None,
    trace: Trace | None = None,
) -> tuple[Call, Plan]:
    """A request with everything about it checked, aimed at its first target, and where it may go after that.

    Nothing is reserved yet. `started`: when its body had come, in monotonic seconds. `accounts` are the only ones that have what
    it refers to.
    """
    check_size(policy, raw)
    asked = asking.asked(endpoint, body)
    route = resolve(principal, body["model"])
    request = Request(
        id=request_id,
        name=str(request_id),
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
        tags=asking.tags(body, headers, endpoint, replaced=inspection is not None),
        form=form,
        carried=carried(headers) if surface is ANTHROPIC else NOTHING,
        client_ip=client_ip,
        user_agent=headers.get(b"user-agent", b"")[:200].decode("latin-1") or None,
        started=started,
        inspection=inspection,
        trace=trace,
    )
    await _renew_credentials(principal, route, endpoint, accounts)
    plan = planned(principal, route, endpoint, _token(request, headers), health)
    if accounts is not None:
        plan = tuple(stop for stop in plan if stop.target.account.id in accounts)
        if not plan:
            raise OrbitError(
                Code.NOT_FOUND,
                "The model is not served by the account that has what the body refers to.",
                param="model",
            )
    return await _first(request, plan)


async def _renew_credentials(
    principal: Principal, route: ModelRoute, endpoint: str, accounts: Container[str] | None
) -> None:
    models = principal.organization.models
    fallbacks = [models[alias] for alias in route.fallbacks if alias in models]
    own = [one.account for one in serving(route, endpoint)]
    await renew(
        [one for one in own if accounts is None or one.id in accounts],
        [one.account for fallback in fallbacks for one in fallback.targets],
    )


def check_size(policy: EffectivePolicy, raw: bytes) -> None:
    if policy.max_body_bytes is not None and len(raw) > policy.max_body_bytes:
        raise OrbitError(
            Code.BODY_TOO_LARGE, f"The policy of this key allows bodies of {policy.max_body_bytes} bytes."
        )


async def _first(request: Request, plan: Plan) -> tuple[Call, Plan]:
    """The call for the first target that can take it. Where none can, the error is the first one's."""
    refused: OrbitError | None = None
    for number, stop in enumerate(plan):
        try:
            call = aimed(request, stop.alias, stop.target, _spares(plan[number:], stop))
            return await fitted(call), plan[number + 1 :]
        except OrbitError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def carried(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """INVALID_REQUEST for one that is too long to be passed on."""
    found = {name.decode(): value.decode("latin-1") for name in CARRIED if (value := headers.get(name))}
    for name, written in found.items():
        if len(written) > CARRIED_LENGTH:
            raise bad(name, f"is longer than {CARRIED_LENGTH} characters")
    return found


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
    session = next((headers[name] for name in SESSIONS if headers.get(name)), b"")
    named = session.decode("latin-1") or request.body.get("prompt_cache_key")
    return f"{key}\n{named if isinstance(named, str) and named else _beginning(request.body)}"


def _beginning(body: Mapping[str, Any]) -> str:
    """How a conversation began: the same for all its turns."""
    messages = body.get("messages") or body.get("input")
    first: Any = messages
    if isinstance(messages, list):
        first = next((one for one in messages if isinstance(one, dict) and one.get("role") == "user"), None)
    return numbers.write([body.get("system") or body.get("instructions"), first]).decode()
