"""Whatever the provider does, the call costs what the provider charges for it: never its error's words, never a lie."""

from __future__ import annotations

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, charged, figures, served
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, hello


@pytest.mark.parametrize(
    "directives",
    [
        ["error_after_chunks=0"],
        ["error_after_chunks=0", "error_event"],
        ["fin_after_chunks=0"],
        ["cut_after_chunks=0"],
    ],
    ids=" ".join,
)
def test_stream_that_dies_before_its_first_token_is_charged_its_input_alone(
    api: Api, tenant: Tenant, provider: ProviderHandle, directives: list[str]
) -> None:
    answer = api.chat(messages=hello("tokens=20", *directives), stream=True, max_tokens=60)
    assert b'"upstream_error"' in answer.content
    [event] = calls(tenant)
    record = served(provider, event)
    assert (event["status"], event["code"]) == ("provider_failed", "upstream_error")
    assert event["output_tokens"] == record["completion_tokens"] == 0
    assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_more_input_than_was_sent_is_cut_to_what_it_can_be(
    api: Api, tenant: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    api.chat(messages=hello("tokens=9", "prompt_tokens=50000", "cached=40000"), stream=stream, max_tokens=60)
    [event] = calls(tenant)
    assert served(provider, event)["prompt_tokens"] == 50_000
    assert event["usage_source"] == "provider"
    assert event["input_tokens"] <= event["reserved"]["input_tokens"]
    assert event["usage_anomaly"] == "more input than was sent"
    assert "cached_input_tokens" not in event
    assert event["cost_nano"] <= event["reserved"]["cost_nano"]
    assert event["usage"]["prompt_tokens"] == 50_000  # what was said is kept


@pytest.mark.parametrize("reserve", ["bound", "learned"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_more_output_than_was_allowed_is_cut_to_the_cap(
    api_of: ApiOf,
    make_tenant: MakeTenant,
    provider: ProviderHandle,
    reserve: str,
    stream: bool,
) -> None:
    tenant = make_tenant(output_reserve=reserve)
    api = api_of(tenant)
    for _ in range(20):
        api.chat(messages=hello("tokens=4"), max_tokens=60)
    api.chat(messages=hello("tokens=40", "usage=excessive"), max_tokens=60, stream=stream)
    event = calls(tenant, 21)[-1]
    assert served(provider, event)["reported_usage"][-1]["completion_tokens"] == 400
    assert event["output_tokens"] == 60
    assert event["usage_anomaly"] == "more output than was allowed"


def test_usage_that_a_stream_repeats_from_its_beginning_does_not_hide_what_came_after(
    api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    """Running figures, then a break: the last figure and what was written since it."""
    api.chat(messages=hello("tokens=50", "usage=running", "cut_after_chunks=20"), stream=True, max_tokens=60)
    [event] = calls(tenant)
    assert event["usage_source"] == "partial"
    assert figures(event) == charged(served(provider, event))


def test_model_that_charges_for_what_it_does_not_show_is_learned_from_once(
    api_of: ApiOf, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    """Its hidden output cannot be metered: the first such call is charged what it cost, later ones hold the bound."""
    tenant = make_tenant(
        {
            "models": [{"alias": "gpt-4o-mini", "targets": [{"account": "demo", "model": "gpt-4o-mini"}]}],
        },
        output_reserve="learned",
    )
    api = api_of(tenant)
    for _ in range(20):
        api.chat(messages=hello("tokens=4"), max_tokens=600)
    for _ in range(2):
        api.chat(messages=hello("tokens=4", "reasoning=400"), max_tokens=600)
    first, second = calls(tenant, 22)[20:]
    assert first["output_tokens"] == second["output_tokens"] == 404
    assert first["cost_nano"] == served(provider, first)["cost_nano"]
    assert first["usage_anomaly"] == "more output than was reserved"
    assert first["reserved"]["output_tokens"] < 404
    assert second["reserved"]["output_tokens"] == 600
    assert "usage_anomaly" not in second
