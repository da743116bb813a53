"""SIGKILL to a worker in the middle of its streams."""

import asyncio
import time
from collections import Counter

import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.store import client
from quotas import keys
from quotas.tasks import reap
from tests.conftest import MakeTenant, Tenant
from tests.faults.load import Seen, call_many, chat
from tests.gateway import Gateway, running_gateway

LEASE_S = 4


@pytest.mark.xdist_group("killed")
def test_after_the_lease_nothing_is_held_and_every_admitted_call_is_recorded_once(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(
        limits=[
            {"name": "daily", "meter": "tokens", "per": "day", "limit": 10_000_000},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"},
            {"name": "inflight", "meter": "concurrency", "limit": 60},
        ]
    )
    provider.wait_idle()
    before = len(provider.requests())
    with running_gateway(workers=2, environment={"ORBIT_LEASE_S": str(LEASE_S)}) as gateway:
        seen = asyncio.run(_streams_with_a_kill(gateway, tenant))
        assert any(not one.finished for one in seen), "the kill met no stream"
        _reap_all(tenant.shard)

    events = tenant.events()
    served = provider.requests()[before:]
    reached = [one for one in served if one["endpoint"].endswith("chat/completions")]
    assert len({event["request_id"] for event in events}) == len(events)
    # a call whose connection the dead worker never answered may not have been admitted at all
    assert len(reached) <= len(events) <= 40
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
    for key in store.scan_iter(match=keys.counters(tenant.shard)):
        held = store.hmget(key, "h", "n")
        assert [int(one or 0) for one in held] == [0, 0], key


async def _streams_with_a_kill(gateway: Gateway, tenant: Tenant) -> list[Seen]:
    slow = "[[orbit-demo: tokens=60 pace_ms=25]]"
    load = asyncio.create_task(
        call_many(gateway, tenant, 40, 40, lambda index: chat(f"{index} {slow}", stream=True, max_tokens=100))
    )
    await asyncio.sleep(0.8)
    await asyncio.to_thread(gateway.kill, gateway.processes[0].pid)
    return await load


def _reap_all(shard: int) -> None:
    """Runs the reaper as Celery does, until no lease is open."""
    ends = time.monotonic() + LEASE_S + 5
    while client().zcard(keys.leases(shard)):
        assert time.monotonic() < ends, "a lease outlived its time"
        reap()
        time.sleep(0.2)
