"""How many tokens a message's input has: asked of a provider that counts, else counted here. Nothing is charged."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping
from typing import Any

from orbit.lib.egress import Egress, read_all
from orbit.lib.exchange import EgressError
from proxy.context import Principal, Target
from proxy.formats.base import parsed_object
from proxy.formats.openai_usage import count
from proxy.objects import not_found
from proxy.providers import PROVIDERS
from proxy.providers.base import Prepared
from proxy.targets import resolve, serving, usable
from quotas import estimate

ANSWER_BYTES = 100_000
PATIENCE_S = 5.0  # a provider that counts slower than that is no help


async def counted(
    principal: Principal,
    body: dict[str, Any],
    accounts: Container[str] | None,
    carried: Mapping[str, str],
    egress: Egress,
) -> tuple[int, str]:
    """Input tokens, and whether the `provider` counted them or they are `estimated`.

    `accounts` are those that have what the body refers to; None when it refers to nothing.
    """
    targets = await usable(serving(resolve(principal, body["model"]), "messages"))
    target = next((one for one in targets if accounts is None or one.account.id in accounts), None)
    if target is None:
        raise not_found("model")
    prepared = PROVIDERS[target.account.kind].counting(
        target.account, {**body, "model": target.model}, carried
    )
    if prepared is not None:
        told = await _asked(target, prepared, egress)
        if told is not None:
            return told, "provider"
    return await estimate.exact(body, target.model, target.padding), "estimated"


async def _asked(target: Target, prepared: Prepared, egress: Egress) -> int | None:
    """None when the provider gives no figure, for whatever reason: what it would have is estimated then."""
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            egress.open(target.account.id, "POST", prepared.url, prepared.headers, prepared.body) as answer,
        ):
            content = await read_all(answer, ANSWER_BYTES)
            told = parsed_object(content) if answer.status == 200 else None
    except (EgressError, TimeoutError):
        return None
    return count(told.get("input_tokens")) if told is not None else None
