"""Clients that leave, on the Anthropic surface and where calls are translated: charged what the provider charges."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import ApiOf
from tests.proxy.roads import ROADS, Leaver, Road, travelling

pytestmark = pytest.mark.full  # the lattice of hang-ups once more, on the other surface

TOKENS = 60
AT = (0, 1, 2, 9, 23, 37, 52)  # pieces of content that came before the client left
DRAIN = {"drain": {"max_s": 20, "max_cost": "1.00"}}


@pytest.fixture(params=ROADS)
def road(request: pytest.FixtureRequest) -> Road:
    return ROADS[request.param]


@pytest.fixture(autouse=True)
def counting(make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle) -> None:
    """The worker has loaded its tokenizer."""
    api = api_of(travelling(make_tenant, provider))
    for one in ROADS.values():
        assert one.ask(api, "tokens=2", "usage=missing").status_code == 200


def lattice(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle, road: Road, *directives: str
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """A hang-up at each of the places, by FIN and RST in turn, with the provider's record of it."""
    for number, at in enumerate(AT):
        leaver = Leaver(gateway, tenant, road, f"tokens={TOKENS}", "pace_ms=5", *directives)
        leaver.read(at)
        leaver.leave(("fin", "rst")[number % 2])
        calls(tenant, number + 1)
    return [(event, served(provider, event)) for event in calls(tenant, len(AT))]


def error(event: dict[str, Any], record: dict[str, Any]) -> float:
    assert event["status"] == "client_gone"
    assert event["cost_nano"] > 0
    ours, theirs = int(event["cost_nano"]), int(record["cost_nano"])
    return abs(ours - theirs) / theirs


def test_cancelled_streams_are_charged_for_what_was_made(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    """Whose provider keeps a running figure: exactly that."""
    tenant = travelling(make_tenant, provider)
    pairs = lattice(gateway, tenant, provider, road, "usage=running")
    assert all(record["outcome"] == "hung_up" for _, record in pairs)
    assert {event["usage_source"] for event, _ in pairs} == {"partial"}
    assert median(error(*pair) for pair in pairs) == 0
    assert max(error(*pair) for pair in pairs) <= 0.05


def test_cancelled_streams_without_a_running_figure_are_charged_for_what_came(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    """Messages say at their start what the input was; the output is counted by us, for Claude with its padding."""
    tenant = travelling(make_tenant, provider)
    for event, record in lattice(gateway, tenant, provider, road):
        made, counted = record["completion_tokens"], event["output_tokens"]
        assert event["usage_source"] == ("partial" if road.anthropic else "estimated")
        assert event["cost_nano"] > 0
        assert -2 <= counted - made <= 3 + made * (0.5 if road.anthropic else 0.05)
        if road.anthropic:
            assert event["input_tokens"] == record["prompt_tokens"]
        else:
            assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10


def test_drained_streams_are_charged_exactly(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    tenant = travelling(make_tenant, provider, on_disconnect=DRAIN)
    for event, record in lattice(gateway, tenant, provider, road):
        assert record["outcome"] == "finished"
        assert event["usage_source"] == "provider"
        assert error(event, record) == 0


def one(tenant: Tenant, provider: ProviderHandle) -> tuple[dict[str, Any], dict[str, Any]]:
    [event] = calls(tenant)
    return event, served(provider, event)


def test_client_that_leaves_before_the_first_byte_pays_for_the_input(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    tenant = travelling(make_tenant, provider)
    leaver = Leaver(gateway, tenant, road, "tokens=50", "first_ms=400", "pace_ms=20")
    while provider.summary()["open"] == 0:
        time.sleep(0.01)
    leaver.leave("rst")
    event, record = one(tenant, provider)
    assert event["cost_nano"] > 0
    assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10


@pytest.mark.parametrize("policy", [{}, {"on_disconnect": DRAIN}], ids=["cancel", "drain"])
def test_client_that_leaves_before_the_usage_gets_nothing_for_free(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road, policy: dict[str, Any]
) -> None:
    tenant = travelling(make_tenant, provider, **policy)
    leaver = Leaver(gateway, tenant, road, "tokens=20", "usage_after_ms=300")
    leaver.read(20)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert event["status"] == "client_gone"
    assert record["completion_tokens"] == 20
    assert event["output_tokens"] >= 18
    if policy:
        assert event["cost_nano"] == record["cost_nano"]


def test_drain_of_a_silent_provider_ends_with_its_time(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    tenant = travelling(make_tenant, provider, on_disconnect={"drain": {"max_s": 1, "max_cost": "1.00"}})
    leaver = Leaver(gateway, tenant, road, "tokens=50", "stall_after_chunks=12", "pace_ms=1")
    leaver.read(12)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert event["status"] == "client_gone"
    assert 10 <= event["output_tokens"] <= record["completion_tokens"] * 1.5 + 3


def test_provider_that_breaks_off_while_it_is_drained_is_charged_for_what_came(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    tenant = travelling(make_tenant, provider, on_disconnect=DRAIN)
    leaver = Leaver(gateway, tenant, road, "tokens=60", "cut_after_chunks=40", "pace_ms=2", "usage=running")
    leaver.read(5)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert event["status"] == "client_gone"
    assert event["attempts"][0]["error"] == "Broken"
    assert event["cost_nano"] == record["cost_nano"]


def test_plain_call_is_waited_for_whoever_leaves(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, road: Road
) -> None:
    tenant = travelling(make_tenant, provider)
    leaver = Leaver(gateway, tenant, road, "tokens=50", "first_ms=300", stream=False)
    while provider.summary()["open"] == 0:
        time.sleep(0.01)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert (event["status"], event["usage_source"]) == ("settled", "provider")
    assert event["cost_nano"] == record["cost_nano"]
