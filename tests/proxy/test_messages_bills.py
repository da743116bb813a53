"""Whatever the provider says or does, on the Anthropic surface and where calls are translated: the call costs what
the provider charges, never nothing where it worked, and what had to be guessed or cut is marked."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, charged, figures, served
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf
from tests.proxy.roads import MESSAGES, ROADS, Road, travelling

pytestmark = pytest.mark.full  # one by one, what the other tests of this folder show in parts

TOKENS = 25


@pytest.fixture(params=ROADS)
def road(request: pytest.FixtureRequest) -> Road:
    return ROADS[request.param]


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def tenant(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    return travelling(make_tenant, provider)


@pytest.fixture
def api(api_of: ApiOf, tenant: Tenant) -> Api:
    return api_of(tenant)


def near(event: dict[str, Any], record: dict[str, Any], road: Road) -> None:
    """What we counted ourselves: hardly less than the provider made, and for Claude padded."""
    made, given = record["completion_tokens"], record["prompt_tokens"]
    most = 0.6 if road.anthropic else 0.1
    assert -3 <= event["output_tokens"] - made <= 3 + made * most
    assert -10 <= event["input_tokens"] - given <= 10 + given * most
    assert event["cost_nano"] > 0


@pytest.mark.parametrize("kind", ["missing", "null", "negative", "string", "huge"])
def test_usage_that_is_no_usage_is_estimated_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, stream: bool, kind: str
) -> None:
    assert road.ask(api, f"tokens={TOKENS}", f"usage={kind}", stream=stream).status_code == 200
    [event] = calls(tenant)
    record = served(provider, event)
    assert record["completion_tokens"] == TOKENS
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    near(event, record, road)


def test_usage_of_zero_is_believed(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, stream: bool
) -> None:
    assert road.ask(api, f"tokens={TOKENS}", "usage=zero", stream=stream).status_code == 200
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("settled", "provider")
    assert set(figures(event).values()) == {0}


def test_parts_larger_than_their_whole_are_cut_to_it_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, stream: bool
) -> None:
    road.ask(api, f"tokens={TOKENS}", "usage=contradictory", stream=stream)
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["input_tokens"], event["output_tokens"]) == (
        record["prompt_tokens"],
        record["completion_tokens"],
    )
    assert event.get("reasoning_tokens", 0) <= event["output_tokens"]
    assert event.get("cached_input_tokens", 0) <= event["input_tokens"]
    assert event["usage_anomaly"]


def test_more_output_than_was_allowed_is_cut_to_the_cap_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, stream: bool
) -> None:
    road.ask(api, f"tokens={TOKENS}", "usage=excessive", stream=stream, max_tokens=60)
    [event] = calls(tenant)
    assert served(provider, event)["completion_tokens"] == TOKENS
    assert (event["output_tokens"], event["usage_anomaly"]) == (60, "more output than was allowed")
    assert event["cost_nano"] <= event["reserved"]["cost_nano"]


def test_more_input_than_was_sent_is_cut_to_what_it_can_be_and_marked(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, stream: bool
) -> None:
    road.ask(api, "tokens=9", "prompt_tokens=50000", "cached=40000", stream=stream)
    [event] = calls(tenant)
    assert served(provider, event)["prompt_tokens"] == 50_000
    assert event["input_tokens"] <= event["reserved"]["input_tokens"]
    assert event["usage_anomaly"] == "more input than was sent"
    assert event["cost_nano"] <= event["reserved"]["cost_nano"]


@pytest.mark.parametrize("kind", ["twice", "with_finish", "running", "decreasing"])
def test_usage_in_odd_places_is_charged_once(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, kind: str
) -> None:
    road.ask(api, f"tokens={TOKENS}", f"usage={kind}", stream=True)
    [event] = calls(tenant)
    assert (event["status"], event["usage_source"]) == ("settled", "provider")
    assert figures(event) == charged(served(provider, event))


@pytest.mark.parametrize("name", [name for name, one in ROADS.items() if one.anthropic])
@pytest.mark.parametrize(("kind", "source"), [("start_only", "partial"), ("end_only", "provider")])
def test_message_that_reports_once_is_not_charged_what_it_had_written_then(
    api: Api, tenant: Tenant, provider: ProviderHandle, name: str, kind: str, source: str
) -> None:
    """The report at the start says one token: what came after it is counted by us."""
    ROADS[name].ask(api, f"tokens={TOKENS}", f"usage={kind}", stream=True)
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], event["usage_source"]) == ("settled", source)
    assert event["input_tokens"] == record["prompt_tokens"]
    near(event, record, ROADS[name])
    if source == "provider":
        assert figures(event) == charged(record)


@pytest.mark.parametrize("after", [0, 8])
@pytest.mark.parametrize(
    "fault",
    [
        "error_after_chunks={}",
        "error_after_chunks={} error_event",
        "fin_after_chunks={}",
        "cut_after_chunks={}",
    ],
)
def test_stream_that_dies_is_charged_for_what_came_and_says_so(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road, fault: str, after: int
) -> None:
    """Its error's words are no output."""
    answer = road.ask(api, "tokens=50", fault.format(after), stream=True)
    assert answer.status_code == 200
    assert b'"upstream_error"' in answer.content
    [event] = calls(tenant)
    record = served(provider, event)
    assert record["completion_tokens"] == after
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["usage_source"] in ("partial", "estimated")
    near(event, record, road)
    assert event["output_tokens"] <= 2 * after


def test_plain_answer_that_breaks_off_is_charged_within_what_was_reserved(
    api: Api, tenant: Tenant, provider: ProviderHandle, road: Road
) -> None:
    for fault in ("cut_after_chunks=3", "fin_after_chunks=3", "content_length_off=5"):
        assert road.ask(api, "tokens=20", fault).status_code == 502
    for event in calls(tenant, 3):
        assert (event["status"], event["usage_source"]) == ("provider_failed", "estimated")
        assert 0 < served(provider, event)["cost_nano"] <= event["cost_nano"]
        assert event["cost_nano"] <= event["reserved"]["cost_nano"]


def test_provider_that_falls_silent_is_left_and_charged_for_what_came(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle, road: Road
) -> None:
    tenant = travelling(make_tenant, provider, route={"timeouts": {"gap_s": 1}})
    answer = road.ask(api_of(tenant), "tokens=50", "stall_after_chunks=12", stream=True)
    assert b'"upstream_timeout"' in answer.content
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_timeout")
    assert 10 <= event["output_tokens"] <= 24
    limits = api_of(tenant).limits()
    assert {one["held"] for one in limits.values()} == {0}


def test_provider_that_never_answers_is_charged_what_it_may_have_made(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle, road: Road, stream: bool
) -> None:
    tenant = travelling(make_tenant, provider, route={"timeouts": {"first_byte_s": 1}})
    answer = road.ask(api_of(tenant), "tokens=5", "first_ms=60000", stream=stream, max_tokens=33)
    assert answer.status_code == 504
    [event] = calls(tenant)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_timeout")
    assert (event["usage_source"], event["output_tokens"]) == ("estimated", 33)


@pytest.mark.parametrize("status", [400, 402, 413, 429, 500, 503, 529])
def test_providers_refusal_costs_nothing(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle, road: Road, stream: bool, status: int
) -> None:
    tenant = travelling(make_tenant, provider, route={"retries": 0})
    assert road.ask(api_of(tenant), f"status={status}", stream=stream).status_code >= 400
    [event] = calls(tenant)
    assert event["status"] == "provider_failed"
    assert figures(event)["cost"] == served(provider, event)["cost_nano"] == 0


def test_cache_and_thinking_of_a_cut_stream_are_charged_by_the_last_figure(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    MESSAGES.ask(
        api, "tokens=50", "cached=4", "cache_write=3", "usage=running", "cut_after_chunks=20", stream=True
    )
    [event] = calls(tenant)
    assert event["usage_source"] == "partial"
    assert figures(event) == charged(served(provider, event))
