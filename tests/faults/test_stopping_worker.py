"""SIGTERM to a worker with open streams: they end in their wire format and are settled."""

import asyncio
import json
import time

import httpx2
import pytest

from faults.clients import Ask, chat
from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway


async def _stream(gateway: Gateway, tenant: Tenant, directives: str) -> list[str]:
    async with httpx2.AsyncClient(timeout=30) as client:
        request = client.stream(
            "POST",
            f"{gateway.base_url}/chat/completions",
            json=chat(directives, stream=True, max_tokens=500),
            headers={"authorization": f"Bearer {tenant.key}"},
        )
        async with request as answer:
            return [line[6:] async for line in answer.aiter_lines() if line.startswith("data: ")]


async def _one_behind_the_other(gateway: Gateway, tenant: Tenant) -> bytes:
    """A stream and a plain call sent together on one connection, and all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    bodies = chat("tokens=21 pace_ms=150", stream=True, max_tokens=500), chat("tokens=3", max_tokens=9)
    for number, body in enumerate(bodies):
        writer.write(Ask(f"in-line-{number}", body, tenant.key).wire())
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


async def _stopped_in_the_middle(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> tuple[list[list[str]], bytes]:
    behind = asyncio.create_task(_one_behind_the_other(gateway, tenant))
    streams = [
        asyncio.create_task(_stream(gateway, tenant, directives))
        for directives in ("tokens=20 pace_ms=150", "tokens=400 pace_ms=40", "tokens=400 first_ms=20000")
    ]
    await asyncio.to_thread(_wait_open, provider, len(streams) + 1)
    gateway.processes[0].terminate()
    ended = await asyncio.gather(*streams[:2])
    await asyncio.gather(streams[2], return_exceptions=True)
    return ended, await behind


def _wait_open(provider: ProviderHandle, streams: int) -> None:
    gives_up = time.monotonic() + 20
    while provider.summary()["open"] < streams:
        assert time.monotonic() < gives_up, "the streams did not run at one time"
        time.sleep(0.02)


@pytest.mark.xdist_group("faults")
def test_what_was_accepted_is_served_within_the_drain_or_ends_with_a_final_event(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(limits=[{"name": "inflight", "meter": "concurrency", "limit": 5}])
    with running_gateway(drain_s=6) as gateway:
        (short, long), both = asyncio.run(_stopped_in_the_middle(gateway, tenant, provider))
        gateway.processes[0].wait(20)
    assert short[-1] == "[DONE]"
    assert [both.count(one) for one in (b"HTTP/1.1 200", b"data: [DONE]", b"connection: close")] == [2, 1, 1]
    assert json.loads(long[-1])["error"]["code"] == "shutting_down"
    ended = {event["output_tokens"]: (event["status"], event.get("code")) for event in tenant.events()}
    assert len(ended) == 5
    assert [ended[made] for made in (3, 20, 21)] == [("settled", None)] * 3
    assert sorted(ended.values(), key=str)[:2] == [("provider_failed", "shutting_down")] * 2
