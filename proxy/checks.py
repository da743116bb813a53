"""What is checked of a request before anything is reserved: key, policy, body, model."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from orbit.lib.errors import Code, OrbitError
from proxy.context import Call, EffectivePolicy, Principal, Target
from quotas import estimate

INVALID_KEY = "The API key is missing or not valid. Keys are issued by your organization's admins."
# Fields of other gateways and SDKs that could choose where a call goes, or with whose credential.
STEERING = frozenset(
    [
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "base_url",
        "credentials",
        "custom_llm_provider",
        "deployment_id",
        "extra_body",
        "extra_headers",
        "fallbacks",
        "headers",
        "model_list",
        "organization",
        "project",
        "provider",
        "vertex_credentials",
    ]
)
MOST_CHOICES = 128
MOST_OUTPUT = 10_000_000  # tokens of one answer: over what any model writes
TAGS = 16
TAG = re.compile(r"^[\w.:/ -]{1,64}$")
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


def invalid_key() -> OrbitError:
    """One answer for every bad key: unknown, revoked, expired, malformed."""
    return OrbitError(Code.INVALID_API_KEY, INVALID_KEY)


def check_principal(principal: Principal | None) -> Principal:
    """A usable key of a living project and organization."""
    if principal is None or principal.key.revoked:
        raise invalid_key()
    if principal.key.expires_at is not None and principal.key.expires_at <= datetime.now(UTC):
        raise invalid_key()
    if principal.organization.suspended or principal.project.suspended:
        raise OrbitError(Code.SUSPENDED, "This organization or project is suspended. Ask its admins.")
    return principal


def check_policy(principal: Principal, endpoint: str, client_ip: str | None) -> EffectivePolicy:
    """The key's policy, if it allows this endpoint from this address."""
    policy = principal.policy
    if policy is None:
        raise OrbitError(
            Code.NO_POLICY, "No policy applies to this key, so nothing is allowed. An admin must attach one."
        )
    if not all(_matches(endpoint, allowed) for allowed in policy.endpoints):
        raise OrbitError(Code.ENDPOINT_NOT_ALLOWED, f"The policy of this key does not allow /v1/{endpoint}.")
    if policy.networks:
        address = _address(client_ip)
        if address is None or not all(
            any(address in one for one in networks) for networks in policy.networks
        ):
            raise OrbitError(
                Code.ADDRESS_NOT_ALLOWED, "The policy of this key does not allow calls from this address."
            )
    return policy


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    """None for what a proxy wrote that is no address."""
    try:
        return ip_address(text or "")
    except ValueError:
        return None


def _matches(name: str, allowed: tuple[str, ...]) -> bool:
    return any(pattern == "*" or fnmatchcase(name, pattern) for pattern in allowed)


def allowed_models(principal: Principal) -> list[str]:
    """The aliases that the key may use."""
    policy = principal.policy
    if policy is None:
        return []
    return sorted(
        alias
        for alias in principal.organization.models
        if all(_matches(alias, allowed) for allowed in policy.models)
    )


def resolve_target(principal: Principal, endpoint: str, model: str) -> Target:
    """Where a model's calls go. MODEL_NOT_FOUND for an absent one and one not allowed, alike."""
    policy = principal.policy
    target = principal.organization.models.get(model)
    if target is None or policy is None or not all(_matches(model, allowed) for allowed in policy.models):
        raise OrbitError(
            Code.MODEL_NOT_FOUND,
            "The model does not exist or this key may not use it. GET /v1/models lists those it may.",
            param="model",
        )
    if target.account.secret is None:
        raise OrbitError(
            Code.CREDENTIALS_UNAVAILABLE,
            "The provider account's credential is not available right now. Ask your admins.",
            retry_after_s=10,
        )
    if target.rates is None or not target.rates.at(time.time_ns() // 1000).priced:
        target = _priced(policy, model, target)
    return target


def _priced(policy: EffectivePolicy, model: str, target: Target) -> Target:
    costly = any(limit.meter == "cost" and limit.applies_to(model) for limit in policy.limits)
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


def make_call(
    *,
    request_id: UUID,
    principal: Principal,
    policy: EffectivePolicy,
    endpoint: str,
    body: dict[str, Any],
    size: int,
    headers: Mapping[bytes, bytes],
    client_ip: str | None,
) -> Call:
    """A request with everything about it checked; nothing is reserved yet."""
    if policy.max_body_bytes is not None and size > policy.max_body_bytes:
        raise OrbitError(
            Code.BODY_TOO_LARGE, f"The policy of this key allows bodies of {policy.max_body_bytes} bytes."
        )
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _bad("model", "must name a model. GET /v1/models lists those that this key may use")
    steering = STEERING.intersection(body)
    if steering:
        raise _bad(min(steering), "is not accepted: accounts and destinations are set by your admins")
    target = resolve_target(principal, endpoint, model)
    stream = False
    output_cap, choices = 0, 1
    if endpoint == "chat/completions":
        stream = _check_chat(body)
        choices = body.get("n") or 1
        output_cap = _output_cap(body, policy, target.model)
    else:
        _check_input(body)
    return Call(
        request_id=request_id,
        principal=principal,
        endpoint=endpoint,
        body=body,
        size=size,
        model=model,
        stream=stream,
        target=target,
        input_bound=estimate.bound(body, size, target.model),
        output_cap=output_cap,
        choices=choices,
        end_user=_end_user(body, headers),
        tags=_tags(body, headers),
        client_ip=client_ip,
        user_agent=headers.get(b"user-agent", b"")[:200].decode("latin-1") or None,
        started=time.monotonic(),
    )


def _bad(param: str, what: str) -> OrbitError:
    return OrbitError(Code.INVALID_REQUEST, f"{param!r} {what}.", param=param)


def _check_chat(body: dict[str, Any]) -> bool:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise _bad("messages", "must be a list of at least one message")
    _integer(body, "n", 1, MOST_CHOICES)
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise _bad("stream_options", "must be an object")
    if options and not isinstance(options.get("include_usage"), bool | None):
        raise _bad("stream_options.include_usage", "must be true or false")
    stream = body.get("stream")
    if not isinstance(stream, bool | None):
        raise _bad("stream", "must be true or false")
    if options is not None and not stream:
        raise _bad("stream_options", "is only allowed when stream is true")
    return bool(stream)


def _check_input(body: dict[str, Any]) -> None:
    given = body.get("input")
    if not isinstance(given, (str, list)) or not given:
        raise _bad("input", "must be a text, a list of texts, or a list of tokens")


def _integer(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _bad(name, f"must be a whole number from {low} to {high}")
    return value


def _output_cap(body: dict[str, Any], policy: EffectivePolicy, model: str) -> int:
    """The most tokens of one choice that the provider may write, and that are reserved: of every choice."""
    asked = [_integer(body, name, 1, MOST_OUTPUT) for name in ("max_completion_tokens", "max_tokens")]
    wanted = [one for one in asked if one is not None]
    if len(wanted) > 1:
        raise _bad("max_tokens", "and 'max_completion_tokens' say the same thing: send one")
    return min(wanted[0], policy.max_output_tokens or wanted[0]) if wanted else default_output(policy, model)


def default_output(policy: EffectivePolicy, model: str) -> int:
    """What is reserved, and sent as the cap, for a request that names no maximum."""
    most = _model_output(model)
    return min(most, policy.max_output_tokens or most)


def _model_output(model: str) -> int:
    name = model.rsplit("/", 1)[-1].lower()
    known = [prefix for prefix in MODEL_OUTPUT if name.startswith(prefix)]
    return MODEL_OUTPUT[max(known, key=len)] if known else USUAL_OUTPUT


def _end_user(body: dict[str, Any], headers: Mapping[bytes, bytes]) -> str | None:
    """The client's word, for sub-limits and reports, never for rights."""
    for name in ("safety_identifier", "user"):
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise _bad(name, "must be a text")
        if value:
            return value[:256]
    return header_user(headers)


def header_user(headers: Mapping[bytes, bytes]) -> str | None:
    """The end user in the header, in UTF-8 as in a body; other bytes stand for themselves."""
    given = headers.get(b"x-orbit-user", b"")
    try:
        return given.decode()[:256] or None
    except UnicodeDecodeError:
        return given.decode("latin-1")[:256]


def _tags(body: dict[str, Any], headers: Mapping[bytes, bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    given = headers.get(b"x-orbit-tags", b"").decode("latin-1")
    if given:
        for pair in given.split(","):
            name, separator, value = pair.strip().partition("=")
            if not separator or not TAG.match(name) or not TAG.match(value):
                raise _bad("x-orbit-tags", "must read name=value,name=value")
            found[name] = value
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        found.update(
            {k: v for k, v in metadata.items() if isinstance(v, str) and TAG.match(k) and TAG.match(v)}
        )
    if len(found) > TAGS:
        raise _bad("x-orbit-tags", f"may hold at most {TAGS} tags")
    return found
