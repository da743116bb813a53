"""What most scenarios play on: a provider with an oracle, gateway workers, a store that may be far away."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from redis import Redis

from faults import checker, gateway
from faults.checker import Books
from faults.clients import Ask, Crowd, Seen
from faults.gateway import Gateway
from faults.hostile import Hostile
from faults.road import Road, road
from faults.servers import Servers
from faults.tenants import Tenant, make_tenant
from orbit.demo.provider.process import ProviderHandle, running_provider
from orbit.lib.store import client
from tests.cluster import Cluster

WORKERS = 4
LEASE_S = 2


@dataclass(frozen=True)
class Stage:
    """`store` asks the store directly, the gateway goes through `road`. `servers` are None inside the test suite.

    With a `cluster` the counters are there, and the road leads to the store of tasks and cache. A `hostile` provider is
    one that accounts may point to beside the other.
    """

    servers: Servers | None
    provider: ProviderHandle
    gateway: Gateway
    store: Redis
    road: Road
    cluster: Cluster | None = None
    hostile: Hostile | None = None

    def begin(self) -> None:
        """Before each trial: the oracle forgets the last one."""
        self.provider.wait_idle(timeout_s=30)
        self.provider.reset()

    def tenant(self, limits: list[dict[str, Any]], **policy: Any) -> Tenant:
        """A new organization. `accounts` and `models` in place of the usual ones, the rest is its policy."""
        return make_tenant(self.provider.base_url, limits, **policy)

    def crowd(self, asks: Sequence[Ask], *, at_once: int = 100, barrier: bool = False) -> Crowd:
        return Crowd(self.gateway.port, asks, at_once, barrier)

    def read(self, tenant: Tenant) -> Books:
        return checker.read(self.store, self.provider, tenant, rest_s=LEASE_S)


@contextmanager
def stage(
    servers: Servers | None,
    *,
    workers: int = WORKERS,
    delay_s: float = 0,
    kills: bool = False,
    environment: Mapping[str, str] | None = None,
    cluster: Cluster | None = None,
    hostile: Hostile | None = None,
) -> Iterator[Stage]:
    with ExitStack() as stack:
        provider = stack.enter_context(running_provider(pace=0, allow_kill=kills))
        allowed = [f"127.0.0.1:{one.port}" for one in (provider, hostile) if one is not None]
        for one in allowed:
            settings.ORBIT_PRIVATE_TARGETS.append(one)
            stack.callback(settings.ORBIT_PRIVATE_TARGETS.remove, one)
        url = settings.REDIS_URL
        way = stack.enter_context(road(url, delay_s=delay_s))
        usual = {
            "REDIS_URL": way.url,
            "ORBIT_PRIVATE_TARGETS": ",".join(allowed),
            # the journals of workers that others killed would keep the writer from these trials
            "ORBIT_DATA_DIR": stack.enter_context(TemporaryDirectory(prefix="orbit-stage-")),
            "ORBIT_LEASE_S": str(LEASE_S),
            "ORBIT_WORKERS": str(max(1, workers)),
            "ORBIT_DRAIN_S": "1",
            "ORBIT_LOG_LEVEL": "ERROR",  # that the store is away is known
            # a busy machine is no outage: scenarios of outages set their own
            "ORBIT_REDIS_TIMEOUT_MS": "5000",
        }
        store = stack.enter_context(Redis.from_url(url, socket_timeout=10))
        if cluster is not None:
            usual |= {"REDIS_URL": cluster.url, "ORBIT_BROKER_URL": way.url, "ORBIT_CACHE_URL": way.url}
            stack.enter_context(_store_at(cluster.url))
            store = client()
        running = stack.enter_context(gateway.running({**usual, **(environment or {})}, web=workers))
        yield Stage(servers, provider, running, store, way, cluster, hostile)


@contextmanager
def _store_at(url: str) -> Iterator[None]:
    """For this process, too."""
    before, settings.REDIS_URL = settings.REDIS_URL, url
    try:
        yield
    finally:
        settings.REDIS_URL = before


def asks(tenant: Tenant, count: int, body: Any, **more: Any) -> list[Ask]:
    """`count` calls of the tenant; `body` makes each from its number."""
    batch = secrets.token_hex(3)
    return [Ask(f"{tenant.tag}-{batch}-{index}", body(index), tenant.key, **more) for index in range(count)]


def tally(seen: Sequence[Seen]) -> dict[str, int]:
    """How many calls ended in which way, for the words of a failure."""
    found: dict[str, int] = {}
    for one in seen:
        name = f"{one.status} {one.code}" if one.code else str(one.status)
        found[name] = found.get(name, 0) + 1
    return found
