"""Responses in the background: answered at once, followed to their end, and settled by what the provider says then."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, figures, served
from tests.conftest import MakeTenant, Tenant
from tests.gateway import running_gateway
from tests.proxy.conftest import LIMITS, Api, ApiOf
from tests.proxy.responses import create, openai, text

SLOW = ("tokens=400", "pace_ms=20")


@pytest.fixture
def tenant(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    return make_tenant(openai(provider), limits=LIMITS)


@pytest.fixture
def api(api_of: ApiOf, tenant: Tenant) -> Api:
    return api_of(tenant)


def read_until_over(api: Api, response_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (found := api.get(f"responses/{response_id}").json())["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return dict(found)


def held(api: Api) -> int:
    calls: int = api.limits()["inflight"]["held_calls"]
    return calls


def wait_until_settled(api: Api) -> None:
    deadline = time.monotonic() + 60
    while held(api):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_its_reservation_is_held_until_it_is_over_and_then_charged_as_the_provider_does(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    made = create(api, text("tokens=30", "first_ms=300", "pace_ms=10"), background=True)
    assert (made.status_code, made.json()["status"]) == (200, "queued")
    assert "x-orbit-cost-nano" not in made.headers
    assert held(api) == 1
    assert tenant.events() == []
    assert read_until_over(api, made.json()["id"])["status"] == "completed"
    wait_until_settled(api)
    [event] = agreed(tenant, provider)
    assert (event["finish_reason"], event["output_tokens"]) == ("completed", 30)


def test_cancelled_one_settles_soon_after_and_is_never_free(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    made = create(api, text(*SLOW), background=True).json()
    time.sleep(0.5)
    assert api.send("POST", f"responses/{made['id']}/cancel").json()["status"] == "cancelled"
    wait_until_settled(api)
    [event] = calls(tenant)
    assert served(provider, event)["outcome"] == "cancelled"
    assert (event["usage_source"], event["finish_reason"]) == ("estimated", "cancelled")
    assert event["cost_nano"] > 0


def test_failed_one_is_estimated(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    made = create(api, text("tokens=40", "error_after_chunks=10"), background=True).json()
    assert read_until_over(api, made["id"])["status"] == "failed"
    wait_until_settled(api)
    [event] = calls(tenant)
    assert (event["usage_source"], event["finish_reason"]) == ("estimated", "failed")
    assert event["cost_nano"] > 0


def test_its_stream_is_relayed_and_charged(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = create(api, text("tokens=12"), background=True, stream=True)
    assert answer.content.count(b"event: response.output_text.delta") == 12
    [event] = agreed(tenant, provider)
    assert event["stream"] is True


def test_client_that_leaves_its_stream_does_not_stop_the_work(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    body = {
        "model": "gpt-4o-mini",
        "input": text("tokens=60", "pace_ms=10"),
        "background": True,
        "stream": True,
    }
    headers = {"authorization": f"Bearer {api.key}"}
    with api.http.stream("POST", "responses", content=orjson.dumps(body), headers=headers) as answer:
        for piece in answer.iter_bytes():
            if b"output_text.delta" in piece:
                break
    wait_until_settled(api)
    [event] = calls(tenant)
    record = served(provider, event)
    assert record["outcome"] == "finished"
    assert (event["status"], event["usage_source"]) == ("client_gone", "provider")
    assert event["cost_nano"] == record["cost_nano"]
    assert event["output_tokens"] == 60


def test_broken_stream_is_followed_by_asking(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = create(api, text("tokens=40", "pace_ms=10", "cut_after_chunks=5"), background=True, stream=True)
    assert orjson.loads(answer.content.rsplit(b"data: ", 1)[1])["code"] == "upstream_error"
    wait_until_settled(api)
    [event] = calls(tenant)
    assert event["usage_source"] == "provider"
    assert event["cost_nano"] == served(provider, event)["cost_nano"]


def test_taking_up_its_stream_again_is_no_new_call(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    made = create(api, text("tokens=20", "pace_ms=2"), background=True).json()
    whole = api.get(f"responses/{made['id']}?stream=true")
    rest = api.get(f"responses/{made['id']}?stream=true&starting_after=5")
    assert whole.content.endswith(rest.content)
    assert b'"sequence_number":6,' in rest.content.split(b"\n\n")[0]
    assert b"event: response.completed" in rest.content
    wait_until_settled(api)
    agreed(tenant, provider)


def test_worker_that_stops_settles_at_the_reserve(tenant: Tenant, provider: ProviderHandle) -> None:
    with (
        running_gateway() as gateway,
        httpx2.Client(base_url=gateway.base_url + "/", timeout=30, verify=False) as client,
    ):
        api = Api(client, tenant.key)
        create(api, text(*SLOW), background=True, max_output_tokens=500)
    [event] = calls(tenant)
    assert (event["usage_source"], event["code"]) == ("estimated", "shutting_down")
    assert event["output_tokens"] == event["reserved"]["output_tokens"] == 500
    assert event["input_tokens"] == event["reserved"]["input_tokens"]


def test_one_that_takes_too_long_is_charged_what_was_reserved(
    tenant: Tenant, provider: ProviderHandle
) -> None:
    environment = {"ORBIT_BACKGROUND_S": "1"}
    with (
        running_gateway(environment=environment) as gateway,
        httpx2.Client(base_url=gateway.base_url + "/", timeout=30, verify=False) as client,
    ):
        api = Api(client, tenant.key)
        create(api, text(*SLOW), background=True, max_output_tokens=500)
        wait_until_settled(api)
    [event] = calls(tenant)
    assert (event["usage_source"], event["code"]) == ("estimated", "upstream_timeout")
    assert figures(event)["output"] == 500
