"""The proxy without a client library: bytes and headers as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import Tenant
from tests.gateway import Gateway

HELLO = [{"role": "user", "content": "Hello there, how are you?"}]
# One limit of each kind, wide enough for every test that does not mean to meet it.
LIMITS = [
    {"name": "rpm", "meter": "requests", "per": "minute", "limit": 6000, "burst": 6000},
    {"name": "rpd", "meter": "requests", "per": "day", "limit": 1_000_000},
    {"name": "tpd", "meter": "tokens", "per": "day", "limit": 100_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "10000.00"},
    {"name": "inflight", "meter": "concurrency", "limit": 1000},
]


def hello(*directives: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"Hello [[orbit-demo: {' '.join(directives)}]]"}]


@dataclass(frozen=True)
class Api:
    """Requests with one key."""

    http: httpx2.Client
    key: str

    def send(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str | bytes] | None = None
    ) -> httpx2.Response:
        own: dict[str, str | bytes] = {
            "authorization": f"Bearer {self.key}",
            "content-type": "application/json",
        }
        return self.http.request(
            method, path, content=content, headers=cast("dict[str, str]", {**own, **(headers or {})})
        )

    def get(self, path: str) -> httpx2.Response:
        return self.send("GET", path)

    def chat(self, with_headers: Mapping[str, str | bytes] | None = None, **fields: Any) -> httpx2.Response:
        body = {"model": "gpt-4o-mini", "messages": HELLO, **fields}
        return self.send("POST", "chat/completions", orjson.dumps(body), with_headers)

    def limits(self) -> dict[str, dict[str, Any]]:
        answer = self.get("orbit/limits")
        assert answer.status_code == 200, answer.text
        return {limit["name"]: limit for limit in answer.json()["data"]}


ApiOf = Callable[[Tenant], Api]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=10, trust_env=False, verify=False) as made:
        yield made


@pytest.fixture
def api_of(client: httpx2.Client) -> ApiOf:
    return lambda tenant: Api(client, tenant.key)


@pytest.fixture
def api(api_of: ApiOf, tenant: Tenant) -> Api:
    return api_of(tenant)


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of an error in the one shape that all have."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code", "orbit"}
    assert error["orbit"]["request_id"] == answer.headers["x-orbit-request-id"]
    return answer.status_code, error["code"]


@dataclass
class Untouched:
    """Holds that nothing reached the provider, the counters or the ledger since it was made.

    A gateway may still ask after a background response of a test before; that is a GET, and such is not counted.
    """

    provider: ProviderHandle
    api: Api
    tenant: Tenant

    def __post_init__(self) -> None:
        self.open = self.provider.summary()["open"]
        self.last = max((one["sequence"] for one in self.provider.requests()), default=0)

    def check(self) -> None:
        until = time.monotonic() + 5
        while self.provider.summary()["open"] > self.open and time.monotonic() < until:
            time.sleep(0.01)
        assert self.provider.summary()["open"] <= self.open
        sent = [one for one in self.provider.requests(since=self.last) if one["method"] != "GET"]
        assert sent == []
        for limit in self.api.limits().values():
            assert (limit["spent"], limit["held"], limit["held_calls"]) == (0, 0, 0), limit
        assert self.tenant.events() == []
