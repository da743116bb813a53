"""The official OpenAI client as an application uses it: nothing is changed but address and key."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from orbit.demo.provider.process import ProviderHandle
from tests.clients.libraries import Caller, Drivers, Use, no_drivers_yet
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway

HELLO = "Hello there, how are you?"
_installing = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """One worker fetches the libraries while others' tests run; who needs them waits for it."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0" and any(
        "drivers" in item.fixturenames for item in session.items if isinstance(item, pytest.Function)
    ):
        session.stash[_installing] = subprocess.Popen([sys.executable, "-m", "tests.clients.installed"])


def pytest_sessionfinish(session: pytest.Session) -> None:
    installing = session.stash.get(_installing, None)
    if installing is not None:
        installing.wait()


def said(*directives: str, text: str = HELLO) -> list[Any]:
    """A conversation that asks the demo provider to behave as told."""
    asked = f" [[orbit-demo: {' '.join(directives)}]]" if directives else ""
    return [{"role": "user", "content": text + asked}]


@pytest.fixture
def client(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


def client_of(gateway: Gateway, tenant: Tenant, *, max_retries: int = 0) -> OpenAI:
    return OpenAI(base_url=gateway.base_url, api_key=tenant.key, max_retries=max_retries, timeout=10)


def read_until_error(stream: Iterable[ChatCompletionChunk]) -> tuple[list[str], openai.APIError]:
    """The texts that came, and the error that ended them."""
    texts: list[str] = []
    try:
        for chunk in stream:
            texts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    except openai.APIError as error:
        return texts, error
    pytest.fail("the stream ended well")


class Sdk(Protocol):
    """Chat completions with either of the two clients."""

    def plain(self, **fields: Any) -> ChatCompletion: ...

    def stream(self, **fields: Any) -> list[ChatCompletionChunk]: ...


class Synchronous:
    def __init__(self, client: OpenAI) -> None:
        self.client = client

    def plain(self, **fields: Any) -> ChatCompletion:
        answer: ChatCompletion = self.client.chat.completions.create(**fields)
        return answer

    def stream(self, **fields: Any) -> list[ChatCompletionChunk]:
        return list(self.client.chat.completions.create(stream=True, **fields))


class Asynchronous:
    """Each call runs in an event loop of its own, so that the test beside it may use the database."""

    def __init__(self, gateway: Gateway, tenant: Tenant) -> None:
        self.options: Any = {
            "base_url": gateway.base_url,
            "api_key": tenant.key,
            "max_retries": 0,
            "timeout": 10,
        }

    def plain(self, **fields: Any) -> ChatCompletion:
        async def ask() -> ChatCompletion:
            async with AsyncOpenAI(**self.options) as client:
                answer: ChatCompletion = await client.chat.completions.create(**fields)
                return answer

        return asyncio.run(ask())

    def stream(self, **fields: Any) -> list[ChatCompletionChunk]:
        async def ask() -> list[ChatCompletionChunk]:
            async with AsyncOpenAI(**self.options) as client:
                return [chunk async for chunk in await client.chat.completions.create(stream=True, **fields)]

        return asyncio.run(ask())


@pytest.fixture
def sync(client: OpenAI) -> Synchronous:
    """For what does not depend on the kind of client."""
    return Synchronous(client)


@pytest.fixture(params=["sync", "async"])
def sdk(request: pytest.FixtureRequest, gateway: Gateway, tenant: Tenant) -> Iterator[Sdk]:
    if request.param == "async":
        yield Asynchronous(gateway, tenant)
        return
    with client_of(gateway, tenant) as client:
        yield Synchronous(client)


@pytest.fixture(scope="session")
def drivers() -> Iterator[Drivers]:
    with no_drivers_yet() as made:
        yield made


MakeCaller = Callable[..., Caller]


@pytest.fixture
def make_caller(
    drivers: Drivers, gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, use: Use
) -> MakeCaller:
    """`make_caller(limits=[…], model={…})`: fields of the policy by name, `model` for those of the only model."""

    def make(model: dict[str, Any] | None = None, **policy: Any) -> Caller:
        tenant = make_tenant(entry=use.entry(provider.base_url, **(model or {})), **policy)
        address = gateway.base_url.removesuffix("/v1")
        return Caller(drivers.of(use.library), use, address, tenant)

    return make


@pytest.fixture
def caller(make_caller: MakeCaller) -> Caller:
    return make_caller()
