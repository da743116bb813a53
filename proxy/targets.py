"""Which targets a model's calls may go to, and what a request becomes for one of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from orbit.lib import body as bodies
from orbit.lib.errors import Code, OrbitError
from proxy.call import Call, Request
from proxy.checks import matches
from proxy.context import Account, EffectivePolicy, ModelRoute, Principal, Target
from proxy.fields import bad
from proxy.formats.base import Terms
from proxy.providers import PROVIDERS
from proxy.translation import TRANSLATIONS
from quotas import classes, estimate
from quotas.catalogue import fits
from quotas.media import CONTEXT
from quotas.needs import Asked, Need
from quotas.rates import Rates

USUAL_OUTPUT = 16_384  # that is reserved where neither request, policy nor catalogue names a maximum
WINDOWED = ("chat/completions", "completions", "responses", "messages", "embeddings")
FREE = Rates.parse({"input": 0, "output": 0}, "free")  # of endpoints that nobody charges for


def allowed_models(principal: Principal) -> list[str]:
    """The aliases that the key may use."""
    policy = principal.policy
    if policy is None:
        return []
    return sorted(
        alias
        for alias in principal.organization.models
        if all(matches(alias, allowed) for allowed in policy.models)
    )


def resolve(principal: Principal, model: str) -> ModelRoute:
    """Where a model's calls go. MODEL_NOT_FOUND for an absent one and one not allowed, alike."""
    route = principal.routes.get(model)
    if route is not None:
        return route
    policy = principal.policy
    route = principal.organization.models.get(model)
    if route is None or policy is None or not all(matches(model, allowed) for allowed in policy.models):
        raise OrbitError(
            Code.MODEL_NOT_FOUND,
            "The model does not exist or this key may not use it. GET /v1/models lists those it may.",
            param="model",
        )
    principal.routes[model] = route
    return route


def serving(route: ModelRoute, endpoint: str) -> tuple[Target, ...]:
    """The targets that can serve an endpoint, themselves or through a translation. INVALID_REQUEST when none can."""
    found = route.by_endpoint.get(endpoint)
    if found is None:
        found = tuple(one for one in route.targets if format_for(one, endpoint) is not None)
        route.by_endpoint[endpoint] = found
    if not found:
        raise OrbitError(
            Code.INVALID_REQUEST,
            f"The model {route.alias!r} does not serve /v1/{endpoint}: its provider has no such endpoint.",
            param="model",
        )
    return found


def format_for(target: Target, endpoint: str) -> str | None:
    """The endpoint that a target is spoken to at: the client's own, else one that there is a translation to."""
    formats = PROVIDERS[target.account.kind].formats
    if endpoint in formats:
        return endpoint
    return next((spoken for asked, spoken in TRANSLATIONS if asked == endpoint and spoken in formats), None)


def ready(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Those whose account has its credential. CREDENTIALS_UNAVAILABLE when none has."""
    if len(targets) == 1 and targets[0].account.ready:
        return targets
    found = tuple(one for one in targets if one.account.ready)
    if not found:
        raise no_credential()
    return found


def no_credential() -> OrbitError:
    return OrbitError(
        Code.CREDENTIALS_UNAVAILABLE,
        "The provider account's credential is not available right now. Ask your admins.",
        retry_after_s=10,
    )


async def renew(accounts: Sequence[Account], others: Iterable[Account] = ()) -> None:
    """Has credentials that other stores keep read again when it is time. Waits only while none of `accounts` has one
    to use, and for no longer than one exchange with a store may take."""
    for account in others:
        account.credential.begin()
    waits = [(task, account) for account in accounts if (task := account.credential.begin())]
    if not waits or len(waits) < len(accounts):
        return
    pending = {task for task, _ in waits}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.ORBIT_SECRET_TIMEOUT_S):
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if any(account.ready for task, account in waits if task in done):
                    return


async def usable(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Those whose account has its credential, for which it may wait. CREDENTIALS_UNAVAILABLE when none has."""
    await renew([one.account for one in targets])
    return ready(targets)


def priced(policy: EffectivePolicy, alias: str, target: Target, endpoint: str, need: Need) -> Target:
    """The target with the price that counts. MODEL_UNPRICED where a cost limit applies and there is none."""
    if classes.class_of(endpoint) is classes.Class.FREE:
        return replace(target, rates=FREE)
    if target.rates is not None and classes.priced(target.rates.at(time.time_ns() // 1000), need):
        return target
    costly = any(limit.meter == "cost" and limit.applies_to(alias) for limit in policy.limits)
    if policy.ceiling is not None:
        return replace(target, rates=policy.ceiling)
    if costly:
        raise OrbitError(
            Code.MODEL_UNPRICED,
            "This model has no known price and a cost limit applies to it. An admin can agree a price for it "
            "(prices) or set a ceiling price (unpriced_models) in the policy.",
            param="model",
        )
    return replace(target, rates=None)


def aimed(request: Request, alias: str, target: Target, spares: tuple[Target, ...] = ()) -> Call:
    """The request for one target. OrbitError when it cannot be said there, or its price is not known."""
    policy = request.principal.policy
    assert policy is not None
    spoken = format_for(target, request.endpoint)
    assert spoken is not None
    cap = _output_cap(request, policy, target)
    terms = Terms(target.model, cap, wants_usage=_wants_usage(request.body), drop=policy.drop)
    body: Mapping[str, Any] = request.body
    size, translated = len(request.raw), None
    if spoken != request.endpoint:
        terms.chat = PROVIDERS[target.account.kind].chat_options(target.model)
        translated = TRANSLATIONS[request.endpoint, spoken](body, terms)
        body = translated.body
        size = len(bodies.encode(body))
    PROVIDERS[target.account.kind].check(spoken, body, terms)
    asked = Asked(
        model=target.model,
        body=body,
        files=request.files,
        input_bound=estimate.bound(body, size, target.model),
        output_cap=cap,
        choices=request.choices,
        window=target.facts.context_window or CONTEXT,
    )
    field = classes.refused_field(request.endpoint, asked)
    if field is not None:
        raise bad(field, "is not accepted: nothing bounds what it costs")
    need = classes.need(request.endpoint, asked)
    target = priced(policy, alias, target, request.endpoint, need)
    return Call(request, alias, target, spoken, body, translated, terms, need, spares)


async def fitted(call: Call) -> Call:
    """The call with an output that its model's window has room for. CONTEXT_LENGTH_EXCEEDED when there is none."""
    facts, cap = call.target.facts, call.terms.output_cap
    window = facts.context_window
    if window is None or call.need.input_tokens + cap <= window or call.spoken not in WINDOWED:
        return call
    if _several(call.body):  # each has the window to itself
        return call
    given = await estimate.least(call.body, call.target.model)
    room = fits(facts, given, cap)
    if room is None:
        raise OrbitError(
            Code.CONTEXT_LENGTH_EXCEEDED,
            f"The input has at least {given} tokens; the context window of {call.target.model} is {window}.",
            param="messages" if "messages" in call.request.body else "input",
        )
    if room == cap:
        return call
    need = replace(call.need, output_tokens=call.need.output_tokens * room // cap)
    return replace(call, terms=replace(call.terms, output_cap=room), need=need)


def _several(body: Mapping[str, Any]) -> bool:
    """Whether there is more than one text, or list of tokens, to be completed or embedded."""
    given = body.get("prompt", body.get("input"))
    return isinstance(given, list) and len(given) > 1 and all(isinstance(one, str | list) for one in given)


def _output_cap(request: Request, policy: EffectivePolicy, target: Target) -> int:
    """The most tokens of one choice that the provider may write, and that are reserved: of every choice."""
    if request.output is None:
        return default_output(policy, target)
    return _least(request.output, policy.max_output_tokens, target.facts.max_output)


def default_output(policy: EffectivePolicy, target: Target) -> int:
    """What is reserved, and sent as the cap, for a request that names no maximum."""
    return _least(target.facts.max_output or USUAL_OUTPUT, policy.max_output_tokens)


def _least(value: int, *others: int | None) -> int:
    for one in others:
        if one is not None and one < value:
            value = one
    return value


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
