"""A fault of our own: the client learns a request id, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import orjson
import pytest

from orbit.asgi import Application
from orbit.lib import body
from orbit.lib.errors import Code, OrbitError
from proxy import listing, reads, views
from proxy.admission import Admissions
from proxy.credentials import IssuedKeyAuthentication
from proxy.permissions import PolicyPermission
from proxy.snapshot import Snapshots
from tests.conftest import Tenant
from tests.proxy.conftest import HELLO

CANARY = "canary-9b2e"


def broken(*args: Any, **kwargs: Any) -> NoReturn:
    secret = f"{CANARY} in a local"
    raise RuntimeError(f"SELECT {CANARY} FROM tenants at db.internal: {secret}")


async def broken_later(*args: Any, **kwargs: Any) -> NoReturn:
    broken()


@asynccontextmanager
async def running() -> AsyncIterator[Application]:
    """The application in this process, from start-up to shutdown."""
    app, inbox, outbox = Application(), asyncio.Queue[Any](), asyncio.Queue[Any]()
    life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    try:
        yield app
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await life


Answer = tuple[int, dict[str, str], bytes]


async def ask(app: Application, key: str, path: str = "/v1/chat/completions", **fields: Any) -> Answer:
    content = orjson.dumps({"model": "gpt-4o-mini", "messages": HELLO, "max_tokens": 2, **fields})
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET" if "orbit" in path or "models" in path else "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 1),
    }
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": content}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 5)
    start, *rest = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(message["body"] for message in rest)


def asked(key: str, **more: Any) -> Answer:
    async def run() -> Answer:
        async with running() as app:
            return await ask(app, key, **more)

    return asyncio.run(run())


Break = Callable[[pytest.MonkeyPatch], None]
BREAKS: dict[str, Break] = {
    "checks": lambda patch: patch.setattr(views, "make_call", broken),
    "decoding": lambda patch: patch.setattr(body, "decode", broken),
    "permission": lambda patch: patch.setattr(PolicyPermission, "has_permission", broken),
    "authentication": lambda patch: patch.setattr(IssuedKeyAuthentication, "authenticate", broken),
    "look-up": lambda patch: patch.setattr(Snapshots, "find", broken_later),
    "admission": lambda patch: patch.setattr(Admissions, "admit", broken_later),
}


@pytest.mark.parametrize("where", BREAKS)
def test_fault_of_our_own_tells_nothing(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    BREAKS[where](monkeypatch)
    for stream in (False, True):
        status, headers, content = asked(tenant.key, stream=stream)
        assert status == 500
        error = orjson.loads(content)["error"]
        assert (error["code"], error["type"]) == ("internal_error", "server_error")
        assert error["orbit"] == {"request_id": headers["x-orbit-request-id"]}
        for word in (CANARY, "Traceback", "SELECT", "RuntimeError", "File", tenant.key):
            assert word not in content.decode()
            assert word not in str(headers)
        # it is in our log, under the request's id, without the key
        assert headers["x-orbit-request-id"] in caplog.text
        assert tenant.key not in caplog.text
    assert tenant.events() == []


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4o", "/v1/orbit/limits"])
def test_fault_in_a_read_tells_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(reads, "limits", broken_later)
    monkeypatch.setattr(listing, "page", broken)
    monkeypatch.setattr(listing, "one", broken)
    status, _, content = asked(tenant.key, path=path)
    assert status == 500
    assert CANARY not in content.decode()


def test_every_code_has_one_shape(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendered where it is caught, with what its status asks for."""
    monkeypatch.setattr(reads, "fresh", unchanged)

    async def run() -> list[tuple[OrbitError, Answer]]:
        async with running() as app:
            return [(error, await refused(app, error)) for error in map(made, Code)]

    async def refused(app: Application, error: OrbitError) -> Answer:
        async def refuse(*args: Any, **kwargs: Any) -> NoReturn:
            raise error

        monkeypatch.setattr(Admissions, "admit", refuse)
        return await ask(app, tenant.key)

    for error, (status, headers, content) in asyncio.run(run()):
        assert status == error.status
        shown = orjson.loads(content)["error"]
        assert set(shown) == {"message", "type", "param", "code", "orbit"}
        assert (shown["message"], shown["param"], shown["code"]) == ("Words.", "model", error.code.value)
        assert headers["retry-after"] == "2"
        assert headers["x-orbit-request-id"] == shown["orbit"]["request_id"]


def made(code: Code) -> OrbitError:
    return OrbitError(code, "Words.", param="model", retry_after_s=1.2)


async def unchanged(raw: Any) -> Any:
    return raw.principal
