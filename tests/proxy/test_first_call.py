"""The main job: an application's call goes through, is charged, and is in the ledger."""

import httpx2

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import Tenant
from tests.gateway import Gateway


def test_plain_call_is_answered_charged_and_recorded(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Say hi [[orbit-demo: tokens=7]]"}],
    }
    answer = httpx2.post(
        f"{gateway.base_url}/chat/completions", json=body, headers={"authorization": f"Bearer {tenant.key}"}
    )
    assert answer.status_code == 200, answer.text
    [event] = tenant.events()
    oracle = provider.request(event["attempts"][0]["upstream_request_id"])
    assert event["request_id"] == answer.headers["x-orbit-request-id"]
    assert event["output_tokens"] == oracle["completion_tokens"] == 7
    assert event["input_tokens"] == oracle["prompt_tokens"]
    assert event["cost_nano"] == oracle["cost_nano"] == int(answer.headers["x-orbit-cost-nano"])
