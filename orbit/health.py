"""Liveness and readiness of one worker. Readiness names its dependencies and does not hang on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from django.conf import settings
from django.db import DatabaseError, connections

from orbit.lib.redis import StoreError, StoreUnavailable
from proxy.runtime import Runtime
from quotas import keys

PATHS = ("/healthz", "/readyz")
DATABASE_S = 2.0
SHARDS = 64

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def answer(runtime: Runtime | None, path: str, send: Send) -> None:
    status = 200
    body: dict[str, Any] = {"status": "ok"}
    if path == "/readyz":
        ready = runtime is not None and not runtime.stopping
        status = 200 if ready else 503
        body = {"status": "ready" if ready else "draining" if runtime else "starting"}
        if runtime is not None:
            body |= {"store": await _store(runtime), "database": await _database()}
            body |= await _ledger(runtime)
    content = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _store(runtime: Runtime) -> str:
    try:
        await runtime.link.ping()
    except (StoreUnavailable, StoreError):
        return "unreachable"
    return "ok"


async def _ledger(runtime: Runtime) -> dict[str, Any]:
    """How far the ledger is behind, as its last survey left it in the store: also while Celery is down."""
    shards = range(SHARDS)
    try:
        found = await asyncio.gather(*(runtime.link.at(one).call("GET", keys.written(one)) for one in shards))
        seconds, _ = await runtime.link.at(0).call("TIME")
    except (StoreUnavailable, StoreError):
        return {"ledger": "unknown"}
    if None in found:
        return {"ledger": "unknown"}
    behind_s = max(0, int(seconds) - min(map(int, found)) // 1000)
    state = "ok" if behind_s <= settings.ORBIT_LEDGER_ALARM_S else "behind"
    return {"ledger": state, "ledger_behind_s": behind_s}


async def _database() -> str:
    def ask() -> str:
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT 1")
            return "ok"
        except DatabaseError:
            return "unreachable"
        finally:
            connections["default"].close()

    try:
        async with asyncio.timeout(DATABASE_S):
            return await asyncio.to_thread(ask)
    except TimeoutError:
        return "unreachable"
