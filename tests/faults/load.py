"""Many calls at once, and what each client saw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.conftest import Tenant
from tests.gateway import Gateway


@dataclass(frozen=True)
class Seen:
    """One call as its client saw it; status 0 when the connection broke."""

    status: int
    request_id: str | None
    code: str | None = None
    finished: bool = False  # of a stream: its last event came


def chat(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


async def call_many(
    gateway: Gateway, tenant: Tenant, count: int, at_once: int, body: Callable[[int], dict[str, Any]]
) -> list[Seen]:
    """`count` calls, `at_once` of them in flight."""
    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    headers = {"authorization": f"Bearer {tenant.key}"}
    gate = asyncio.Semaphore(at_once)
    async with httpx2.AsyncClient(limits=limits, headers=headers, timeout=60) as client:

        async def one(index: int) -> Seen:
            async with gate:
                return await _call(client, f"{gateway.base_url}/chat/completions", body(index))

        return await asyncio.gather(*(one(index) for index in range(count)))


async def _call(client: httpx2.AsyncClient, url: str, body: dict[str, Any]) -> Seen:
    request_id = None
    try:
        async with client.stream("POST", url, json=body) as answer:
            request_id = answer.headers.get("x-orbit-request-id")
            content = await answer.aread()
    except httpx2.HTTPError:
        return Seen(0, request_id)
    if answer.status_code != 200:
        return Seen(answer.status_code, request_id, answer.json()["error"]["code"])
    return Seen(200, request_id, finished=not body.get("stream") or content.endswith(b"data: [DONE]\n\n"))
