"""A gateway's metrics, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from orbit.demo.provider.process import ProviderHandle
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import api_of, client

__all__ = ["api_of", "client"]

Sums = Callable[..., float]


def sums(text: str) -> Sums:
    """`sums("orbit_calls_total", organization="acme")`: of all series that have these labels."""
    rows = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def summed(name: str, **labels: str) -> float:
        return sum(row.value for row in rows if row.name == name and labels.items() <= row.labels.items())

    return summed


@pytest.fixture(scope="session")
def gateway(provider: ProviderHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With a shelf of its own: that of all tests has more organizations than have series of their own."""
    folder = tmp_path_factory.mktemp("metrics")
    with running_gateway(environment={"ORBIT_DATA_DIR": str(folder)}) as running:
        yield running


@pytest.fixture
def scrape(gateway: Gateway) -> Iterator[Callable[[], Sums]]:
    with httpx2.Client(trust_env=False, timeout=20) as http:

        def scraped() -> Sums:
            answer = http.get(f"http://127.0.0.1:{gateway.port}/metrics")
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            return sums(answer.text)

        yield scraped
