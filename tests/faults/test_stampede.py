"""Many callers at a limit, several workers, a store that is not next door."""

import asyncio
import os
from collections import Counter

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.store import client
from quotas import keys
from tests.chaos import delayed
from tests.conftest import MakeTenant
from tests.faults.load import call_many, chat
from tests.gateway import running_gateway


@pytest.mark.xdist_group("stampede")
def test_exactly_the_limit_is_admitted_and_the_books_agree(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    """2,000 calls, 100 at once, against 1,000 a day: 4 workers, 5 ms in front of Redis."""
    tenant = make_tenant(
        limits=[
            {"name": "daily", "meter": "requests", "per": "day", "limit": 1000},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"},
            {"name": "inflight", "meter": "concurrency", "limit": 200},
        ]
    )
    provider.wait_idle()
    before = len(provider.requests())
    with delayed(os.environ["REDIS_URL"], 0.005) as slow:
        environment = {"REDIS_URL": slow, "ORBIT_REDIS_TIMEOUT_MS": "5000"}
        with running_gateway(workers=4, environment=environment) as gateway:
            body = lambda index: chat(f"call {index}", stream=index % 4 == 0, max_tokens=9)  # noqa: E731
            seen = asyncio.run(call_many(gateway, tenant, 2000, 100, body))
            limits = httpx2.get(
                f"{gateway.base_url}/orbit/limits", headers={"authorization": f"Bearer {tenant.key}"}
            ).json()["data"]
    assert Counter((one.status, one.code) for one in seen) == {
        (200, None): 1000,
        (429, "insufficient_quota"): 1000,
    }

    served = {one["id"]: one for one in provider.requests()[before:]}
    events = tenant.events()
    assert len(events) == len(served) == 1000
    assert {one.request_id for one in seen if one.status == 200} == {event["request_id"] for event in events}
    for event in events:
        theirs = served.pop(event["attempts"][0]["upstream_request_id"])
        ours = (event["input_tokens"], event["output_tokens"], event["cost_nano"])
        assert ours == (theirs["prompt_tokens"], theirs["completion_tokens"], theirs["cost_nano"])
    assert not served

    figures = {one["meter"]: (one["spent"], one["held"], one["held_calls"]) for one in limits}
    assert figures["requests"] == (1000, 0, 0)
    assert figures["cost"] == (sum(event["cost_nano"] for event in events), 0, 0)
    assert figures["concurrency"][1] == 0
    assert client().zcard(keys.leases(tenant.shard)) == 0
