"""Which targets a model's calls may go to, and what a request becomes for one of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orbit.lib.errors import Code, OrbitError
from proxy import body as bodies
from proxy.call import Call, Request
from proxy.checks import matches
from proxy.context import EffectivePolicy, ModelRoute, Principal, Target
from proxy.formats.base import Terms
from proxy.providers import PROVIDERS
from proxy.translation import TRANSLATIONS
from quotas import estimate

# Output that a model may produce when neither request nor policy names a maximum; longest prefix wins.
MODEL_OUTPUT = {
    "gpt-3.5": 4_096,
    "gpt-4": 8_192,
    "gpt-4-turbo": 4_096,
    "gpt-4o": 16_384,
    "gpt-4.1": 32_768,
    "gpt-5": 128_000,
    "o1": 100_000,
    "o3": 100_000,
    "o4": 100_000,
}
USUAL_OUTPUT = 16_384


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
    policy = principal.policy
    route = principal.organization.models.get(model)
    if route is None or policy is None or not all(matches(model, allowed) for allowed in policy.models):
        raise OrbitError(
            Code.MODEL_NOT_FOUND,
            "The model does not exist or this key may not use it. GET /v1/models lists those it may.",
            param="model",
        )
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
        raise OrbitError(
            Code.CREDENTIALS_UNAVAILABLE,
            "The provider account's credential is not available right now. Ask your admins.",
            retry_after_s=10,
        )
    return found


def priced(policy: EffectivePolicy, alias: str, target: Target) -> Target:
    """The target with the price that counts. MODEL_UNPRICED where a cost limit applies and there is none."""
    if target.rates is not None and target.rates.at(time.time_ns() // 1000).priced:
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
    target = priced(policy, alias, target)
    spoken = format_for(target, request.endpoint)
    assert spoken is not None
    terms = Terms(
        target.model,
        _output_cap(request, policy, target.model),
        wants_usage=_wants_usage(request.body),
        drop=policy.drop,
    )
    body: Mapping[str, Any] = request.body
    size, translated = len(request.raw), None
    if spoken != request.endpoint:
        translated = TRANSLATIONS[request.endpoint, spoken](body, terms)
        body = translated.body
        size = len(bodies.encode(body))
    bound = estimate.bound(body, size, target.model)
    return Call(request, alias, target, spoken, body, translated, terms, bound, spares)


def _output_cap(request: Request, policy: EffectivePolicy, model: str) -> int:
    """The most tokens of one choice that the provider may write, and that are reserved: of every choice."""
    wanted = request.output
    if wanted is None:
        return default_output(policy, model)
    return min(wanted, policy.max_output_tokens or wanted)


def default_output(policy: EffectivePolicy, model: str) -> int:
    """What is reserved, and sent as the cap, for a request that names no maximum."""
    most = _model_output(model)
    return min(most, policy.max_output_tokens or most)


def _model_output(model: str) -> int:
    name = model.rsplit("/", 1)[-1].lower()
    known = [prefix for prefix in MODEL_OUTPUT if name.startswith(prefix)]
    return MODEL_OUTPUT[max(known, key=len)] if known else USUAL_OUTPUT


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
