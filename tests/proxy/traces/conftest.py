"""A gateway whose traces go to a collector that decodes them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.collector import TOKEN, Collector, running_collector
from tests.gateway import Gateway, running_gateway


@dataclass
class Traced:
    gateway: Gateway
    collector: Collector


@pytest.fixture(scope="package")
def traced(provider: ProviderHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with running_collector(tmp_path_factory.mktemp("collector")) as collector:
        given = {
            "ORBIT_TRACES_URL": collector.url,
            "ORBIT_TRACES_HEADERS": f"Authorization={TOKEN}",
            "ORBIT_TRACES_TO_PROVIDERS": "1",
        }
        with running_gateway(environment=given) as gateway:
            yield Traced(gateway, collector)


@pytest.fixture
def client(traced: Traced) -> Iterator[httpx2.Client]:
    base_url = traced.gateway.base_url + "/"
    with httpx2.Client(base_url=base_url, timeout=10, trust_env=False, verify=False) as made:
        yield made


@dataclass(frozen=True)
class Caller:
    """A span of an application, and the header that tells of it."""

    trace_id: str
    span_id: str

    def header(self, flags: str = "01") -> dict[str, str]:
        return {"traceparent": f"00-{self.trace_id}-{self.span_id}-{flags}", "tracestate": "vendor=1"}


@pytest.fixture
def caller() -> Caller:
    return Caller(secrets.token_hex(16), secrets.token_hex(8))
