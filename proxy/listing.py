"""The models that a key may use, as each surface lists them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from orbit.lib.errors import Code, OrbitError
from proxy.context import ModelRoute, Principal
from proxy.surfaces import ANTHROPIC
from proxy.surfaces.base import Surface
from proxy.targets import allowed_models
from quotas.catalogue import Facts

USUAL_PAGE, LARGEST_PAGE = 20, 1_000


def page(principal: Principal, surface: Surface, query: bytes) -> dict[str, Any]:
    names = allowed_models(principal)
    if surface is not ANTHROPIC:
        return {"object": "list", "data": [_of_openai(_route(name, principal), principal) for name in names]}
    asked = parse_qs(query.decode("latin-1"))
    limit = _limit(asked)
    if after := asked.get("after_id"):
        names = [name for name in names if name > after[0]]
    shown = names[:limit]
    if before := asked.get("before_id"):
        names = [name for name in names if name < before[0]]
        shown = names[-limit:]
    return {
        "data": [_of_anthropic(_route(name, principal)) for name in shown],
        "has_more": len(names) > len(shown),
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def one(route: ModelRoute, principal: Principal, surface: Surface) -> dict[str, Any]:
    return _of_anthropic(route) if surface is ANTHROPIC else _of_openai(route, principal)


def _route(name: str, principal: Principal) -> ModelRoute:
    return principal.organization.models[name]


def _limit(asked: dict[str, list[str]]) -> int:
    given = asked.get("limit", [""])[0]
    if not given:
        return USUAL_PAGE
    if not (given.isascii() and given.isdigit() and len(given) < 6) or not 1 <= int(given) <= LARGEST_PAGE:
        raise OrbitError(
            Code.INVALID_REQUEST,
            f"'limit' must be a whole number from 1 to {LARGEST_PAGE}.",
            param="limit",
        )
    return int(given)


def _of_openai(route: ModelRoute, principal: Principal) -> dict[str, Any]:
    """`orbit` holds what the catalogue knows; a client that does not look for it is not disturbed."""
    return {
        "id": route.alias,
        "object": "model",
        "created": 0,
        "owned_by": principal.organization.slug,
        **({"orbit": known} if (known := _facts(route.targets[0].facts)) else {}),
    }


def _of_anthropic(route: ModelRoute) -> dict[str, Any]:
    facts = route.targets[0].facts
    return {
        "type": "model",
        "id": route.alias,
        "display_name": route.alias,
        "created_at": "1970-01-01T00:00:00Z",  # as the API says it of models whose date is not known
        "max_input_tokens": facts.context_window,
        "max_tokens": facts.max_output,
    }


def _facts(facts: Facts) -> dict[str, Any]:
    known: dict[str, Any] = {
        "context_window": facts.context_window,
        "max_output_tokens": facts.max_output,
        "inputs": sorted(facts.inputs),
        "outputs": sorted(facts.outputs),
        "deprecated": facts.deprecated,
        "retires_on": facts.retires_on.isoformat() if facts.retires_on else None,
    }
    return {name: value for name, value in known.items() if value}
