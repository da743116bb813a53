"""The Responses endpoint, natively: bytes as they are, charged as the provider's own books say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tenants.apply import apply
from tests.clients.books import agreed, calls, served
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, code_of
from tests.proxy.responses import create, numbers_of, openai, text


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
    assert numbers_of(answer) == list(range(len(events)))
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
    numbers = numbers_of(answer)
    assert numbers == list(range(len(numbers)))
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


@pytest.mark.parametrize(
    "odd",
    [
        ["split=bytes"],
        ["split=odd", "crlf"],
        ["cr", "split=3"],
        ["comments", "chunks_per_write=5"],
        ["bom", "multiline"],
        ["long_line=300000"],
    ],
    ids=lambda odd: odd[0],
)
def test_odd_bytes_change_nothing(api: Api, tenant: Tenant, provider: ProviderHandle, odd: list[str]) -> None:
    answer = create(api, text("tokens=9", *odd), stream=True)
    whole = answer.content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert whole.count(b"event: response.output_text.delta\n") == 9
    assert whole.count(b"event: response.completed\n") == 1
    assert (b": " in whole.split(b"event:")[0] or b"\n: " in whole) is (
        "comments" in odd or "long_line=300000" in odd
    )
    agreed(tenant, provider)


@pytest.mark.parametrize("usage", ["missing", "null", "negative", "string"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_usage_that_is_none_is_estimated(
    api: Api, tenant: Tenant, provider: ProviderHandle, usage: str, stream: bool
) -> None:
    assert create(api, text("tokens=20", f"usage={usage}"), stream=stream).status_code == 200
    [event] = calls(tenant)
    assert event["usage_source"] == "estimated"
    assert 0 < event["output_tokens"] <= event["reserved"]["output_tokens"]
    assert event["cost_nano"] > 0


def test_earlier_turns_are_reserved_and_charged_although_the_body_does_not_show_them(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    first = create(api, "word " * 3000 + text("tokens=5")).json()
    create(api, text("tokens=5"), previous_response_id=first["id"])
    _, event = agreed(tenant, provider, 2)
    assert event["reserved"]["input_tokens"] >= event["input_tokens"] > 3000


def test_earlier_turns_are_charged_as_reserved_when_the_provider_never_says(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    first = create(api, "word " * 3000 + text("tokens=5")).json()
    create(api, text("tokens=5", "no_done"), previous_response_id=first["id"], stream=True)
    _, event = calls(tenant, 2)
    assert event["usage_source"] == "estimated"
    assert event["input_tokens"] == event["reserved"]["input_tokens"]
    assert event["input_tokens"] >= served(provider, event)["prompt_tokens"]


@pytest.mark.parametrize(
    ("key", "told"),
    [("sk-nobody", (502, "upstream_credentials")), ("sk-demo-broke", (429, "insufficient_quota"))],
)
def test_errors_about_stored_responses_read_as_elsewhere(
    api: Api, tenant: Tenant, provider: ProviderHandle, key: str, told: tuple[int, str]
) -> None:
    made = create(api, text("tokens=5")).json()
    changed = {**tenant.document, **openai(provider, key)}
    apply({"version": 1, "organizations": [changed]}, actor="test")
    answer = api.get(f"responses/{made['id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == told
    assert key not in answer.text
