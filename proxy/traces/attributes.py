"""What spans tell, by OpenTelemetry's conventions for generative AI, and under `orbit.` what these have no name for.

Names and figures only: nothing that was said, no end user, no tag, no address of a client.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from orbit.lib.errors import OrbitError
from orbit.lib.traces.span import Value
from proxy.admission import Admission
from proxy.attempts import Attempt
from proxy.context import Principal, Target
from proxy.measures import CODES
from proxy.request import GatewayRequest
from proxy.settlement import Outcome

# Where the conventions have a word; others are called by the last word of their endpoint.
OPERATIONS = {
    "chat/completions": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "images/generations": "generate_content",
    "images/edits": "generate_content",
    "images/variations": "generate_content",
    "audio/speech": "generate_content",
}
PROVIDERS = {"xai": "x_ai", "mistral": "mistral_ai"}  # others are called as we call them
NANO = 1_000_000_000

Attributes = dict[str, Value]


def operation(endpoint: str) -> str:
    return OPERATIONS.get(endpoint) or endpoint.rpartition("/")[2]


def of_caller(principal: Principal, request_id: object) -> Attributes:
    key, organization = principal.key, principal.organization
    return {
        "orbit.request_id": str(request_id),
        "orbit.organization": organization.slug,
        "orbit.organization_id": organization.id,
        "orbit.project_id": key.project_id,
        "orbit.key_id": key.id,
    }


def of_call(admission: Admission, outcome: Outcome, cost_nano: int | None) -> Attributes:
    call, usage = admission.call, outcome.usage
    request, target = call.request, call.target
    found: dict[str, Any] = {
        "gen_ai.operation.name": operation(call.endpoint),
        "gen_ai.provider.name": _provider(target.account.kind),
        "gen_ai.request.model": request.route.alias,
        "gen_ai.request.max_tokens": request.output,
        "gen_ai.request.stream": request.stream,
        "gen_ai.request.choice.count": request.choices if request.choices > 1 else None,
        "gen_ai.response.model": target.model,
        "gen_ai.response.finish_reasons": [outcome.finish_reason] if outcome.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": _seconds(outcome.first_token_ms),
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "error.type": told(outcome.code),
        **of_caller(request.principal, request.name),
        "orbit.endpoint": call.endpoint,
        "orbit.account": target.account.name,
        "orbit.attempts": len(admission.attempts),
        "orbit.status": outcome.status,
        "orbit.usage_source": outcome.usage_source,
        "orbit.cost_nano": cost_nano,
        "orbit.currency": None if cost_nano is None else request.principal.organization.currency,
    }
    return _given(found)


def of_attempt(admission: Admission, attempt: Attempt, number: int, target: Target | None) -> Attributes:
    """`target` where it is known still: of the last one."""
    place = urlsplit(target.account.base_url) if target is not None else None
    return _given(
        {
            "gen_ai.operation.name": operation(admission.call.endpoint),
            "gen_ai.provider.name": _provider(attempt.kind),
            "gen_ai.request.model": attempt.model,
            "server.address": place.hostname if place is not None else None,
            "server.port": place.port if place is not None else None,
            "http.response.status_code": attempt.http_status,
            "error.type": failure(attempt),
            "orbit.account": attempt.account,
            "orbit.attempt": number,
            "orbit.upstream_request_id": attempt.upstream_request_id,
        }
    )


def of_refusal(raw: GatewayRequest, endpoint: str, error: OrbitError) -> Attributes:
    """A model is named that the organization has, no other text of the client's."""
    principal = raw.principal
    assert principal is not None
    known = raw.model if raw.model in principal.organization.models else None
    return _given(
        {
            "gen_ai.operation.name": operation(endpoint),
            "gen_ai.request.model": known,
            "error.type": error.code.value,
            **of_caller(principal, raw.request_id),
            "orbit.endpoint": endpoint,
            "orbit.status": "refused",
            "orbit.refusal.code": error.code.value,
            "orbit.refusal.limit": error.data.get("limit"),
        }
    )


def failure(attempt: Attempt) -> str | None:
    if attempt.error is not None:
        return attempt.error.replace(" ", "_").lower()
    return "refused" if attempt.http_status is not None and attempt.http_status >= 300 else None


def told(code: str | None) -> str | None:
    """A provider's own code is text of others."""
    return code if code is None or code in CODES else "provider"


def _provider(kind: str) -> str:
    return PROVIDERS.get(kind, kind)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _given(found: dict[str, Any]) -> Attributes:
    return {name: value for name, value in found.items() if value is not None}
