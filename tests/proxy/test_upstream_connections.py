"""Connections to the provider serve one call after the other, streams too."""

from __future__ import annotations

import httpx2

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import Tenant
from tests.gateway import Gateway


def test_a_finished_call_leaves_its_connection_for_the_next(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    with httpx2.Client(headers={"authorization": f"Bearer {tenant.key}"}, timeout=30) as client:
        for stream in (False, True, True, False):
            body = {"model": "gpt-4o-mini", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
            assert client.post(f"{gateway.base_url}/chat/completions", json=body).status_code == 200
    peers = [
        provider.request(event["attempts"][0]["upstream_request_id"])["peer_port"]
        for event in tenant.events()
    ]
    assert len(peers) == 4
    assert len(set(peers)) == 1
