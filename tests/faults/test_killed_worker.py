"""SIGKILL to a worker in the middle of its streams."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.conf import settings

from orbit.demo.provider.process import ProviderHandle, running_provider
from orbit.lib.store import client
from quotas import counters, keys
from quotas.tasks import reap
from tests.conftest import MakeTenant
from tests.faults.load import call_many, chat
from tests.gateway import running_gateway

LEASE_S = 4


STREAMS = 40


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderHandle]:
    """A provider that may kill the worker it is talking to."""
    with running_provider(pace=0, allow_kill=True) as handle:
        monkeypatch.setattr(settings, "ORBIT_PRIVATE_TARGETS", [f"127.0.0.1:{handle.port}"])
        yield handle


@pytest.mark.xdist_group("killed")
def test_after_the_lease_nothing_is_held_and_every_admitted_call_is_recorded_once(
    make_tenant: MakeTenant, killer: ProviderHandle
) -> None:
    account = {
        "name": "demo",
        "kind": "openai_compatible",
        "prices_as": "openai",
        "credential": {"value": "sk-demo"},
    }
    tenant = make_tenant(
        entry={"provider_accounts": [{**account, "base_url": killer.base_url}]},
        limits=[
            {"name": "daily", "meter": "tokens", "per": "day", "limit": 10_000_000},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"},
            {"name": "inflight", "meter": "concurrency", "limit": 60},
        ],
    )
    environment = {"ORBIT_LEASE_S": str(LEASE_S), "ORBIT_PRIVATE_TARGETS": f"127.0.0.1:{killer.port}"}
    with running_gateway(workers=2, environment=environment) as gateway:
        seen = asyncio.run(call_many(gateway, tenant, STREAMS, STREAMS, _stream))
        assert any(not one.finished for one in seen), "the kill met no stream"
        _reap_all(tenant.shard)
    killer.wait_idle()

    events = tenant.events()
    reached = killer.requests()
    assert len({event["request_id"] for event in events}) == len(events)
    # a call whose connection the dead worker never answered may not have been admitted at all
    assert len(reached) <= len(events) <= STREAMS
    finished = {one.request_id for one in seen if one.finished}
    by_id = {one["id"]: one for one in reached}
    statuses: Counter[str] = Counter()
    for event in events:
        statuses[event["status"]] += 1
        if event["status"] == "lease_expired":
            assert event["request_id"] not in finished
            assert event["usage_source"] == "lease_expired"
            assert event["cost_nano"] == event["reserved"]["cost_nano"]
        else:  # a stream that the dead worker settled may have been killed on its last way to the client
            assert event["status"] == "settled"
            assert event["cost_nano"] == by_id[event["attempts"][0]["upstream_request_id"]]["cost_nano"]
    assert statuses["lease_expired"] > 0
    assert statuses["settled"] >= len(finished)

    store = client()
    assert store.zcard(keys.leases(tenant.shard)) == 0
    for key in store.scan_iter(match=keys.patterns(tenant.shard)[0]):
        assert counters.Counter.unpack(cast("bytes", store.get(key)))[1:3] == (0, 0), key


def _stream(index: int) -> dict[str, Any]:
    """The last one kills the worker that asks for it, when the others are in the middle of theirs."""
    kill = " kill_peer_after_chunks=20" if index == STREAMS - 1 else ""
    return chat(f"{index} [[orbit-demo: tokens=60 pace_ms=25{kill}]]", stream=True, max_tokens=100)


def _reap_all(shard: int) -> None:
    """Runs the reaper as Celery does, until no lease is open."""
    ends = time.monotonic() + LEASE_S + 5
    while client().zcard(keys.leases(shard)):
        assert time.monotonic() < ends, "a lease outlived its time"
        reap()
        time.sleep(0.2)
