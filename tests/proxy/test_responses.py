"""The Responses endpoint, natively: bytes as they are, charged as the provider's own books say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, served
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, code_of
from tests.proxy.responses import create, openai, text


@pytest.fixture
def tenant(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    return make_tenant(openai(provider))


@pytest.fixture
def api(api_of: ApiOf, tenant: Tenant) -> Api:
    return api_of(tenant)


def test_plain_response_is_charged_as_the_provider_charges_it(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = create(api, text("tokens=20"), max_output_tokens=50)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "completed"
    [event] = agreed(tenant, provider)
    assert (event["endpoint"], event["finish_reason"]) == ("responses", "completed")
    assert event["cost_nano"] == int(answer.headers["x-orbit-cost-nano"])


def test_cut_response_says_why(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    assert create(api, text("tokens=90"), max_output_tokens=30).json()["status"] == "incomplete"
    [event] = agreed(tenant, provider)
    assert (event["finish_reason"], event["output_tokens"]) == ("max_output_tokens", 30)


def test_stream_arrives_as_the_provider_sent_it(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    answer = create(api, text("tokens=12", "obfuscation"), stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert (names[0], names[-1]) == ("response.created", "response.completed")
    assert names.count("response.output_text.delta") == 12
    events = [orjson.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    assert all("obfuscation" in one for one in events if one["type"].endswith(".delta"))
    agreed(tenant, provider)


def test_hidden_reasoning_is_charged(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    create(api, text("tokens=10"), model="gpt-5", stream=True)
    [event] = agreed(tenant, provider)
    assert event["reasoning_tokens"] > 0


def test_web_searches_are_charged(api: Api, tenant: Tenant, provider: ProviderHandle) -> None:
    create(api, text("tokens=10", "web_searches=2"), tools=[{"type": "web_search"}])
    [event] = calls(tenant)
    assert (event["web_searches"], event["cost_nano"]) == (2, served(provider, event)["cost_nano"])


def test_failed_response_is_passed_on_and_never_free(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    answer = create(api, text("tokens=40", "error_after_chunks=8"), stream=True)
    assert b"event: response.failed" in answer.content
    [event] = calls(tenant)
    assert (event["usage_source"], event["finish_reason"]) == ("estimated", "failed")
    assert event["output_tokens"] >= served(provider, event)["completion_tokens"]
    assert event["cost_nano"] > 0


def test_error_event_is_replaced_by_ours(api: Api, tenant: Tenant) -> None:
    answer = create(api, text("tokens=40", "error_after_chunks=8", "error_event"), stream=True)
    last = orjson.loads(answer.content.rsplit(b"data: ", 1)[1])
    assert (last["type"], last["code"]) == ("error", "upstream_error")
    assert answer.content.count(b"event: error") == 1
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["output_tokens"] >= 8


def test_stream_without_its_last_event_is_broken(api: Api, tenant: Tenant) -> None:
    answer = create(api, text("tokens=9", "no_done"), stream=True)
    assert orjson.loads(answer.content.rsplit(b"data: ", 1)[1])["code"] == "upstream_error"
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("provider_failed", "estimated")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": 7}, "input"),
        ({"input": ["Hello"]}, "input"),
        ({"stream": "yes"}, "stream"),
        ({"background": 1}, "background"),
        ({"background": True, "store": False}, "background"),
        ({"store": "no"}, "store"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream_options": {}}, "stream_options"),
    ],
)
def test_bad_field_is_named(api: Api, tenant: Tenant, fields: dict[str, Any], param: str) -> None:
    answer = (
        create(api, **{"said": "Hello", **fields}) if "input" not in fields else create(api, fields["input"])
    )
    assert code_of(answer) == (400, "invalid_request")
    assert answer.json()["error"]["param"] == param
    assert tenant.events() == []
