"""Moderations: nothing is charged, and each is counted and in the ledger all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.clients.conftest import client_of
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import LIMITS, Api, ApiOf, code_of

MODEL = "omni-moderation-latest"
ROUTE = {"alias": MODEL, "targets": [{"account": "demo", "model": MODEL}]}


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(entry={"models": [ROUTE]}, limits=LIMITS)


@pytest.fixture
def sdk(gateway: Gateway, tenant: Tenant) -> Iterator[OpenAI]:
    with client_of(gateway, tenant) as made:
        yield made


def moderate(api: Api, **fields: Any) -> Any:
    return api.send("POST", "moderations", orjson.dumps({"model": MODEL, "input": "I hate you", **fields}))


@pytest.mark.cell(surface="OpenAI moderations", provider="openai_compatible", feature="plain")
def test_verdict_costs_nothing_and_is_counted(
    sdk: OpenAI, api: Api, tenant: Tenant, provider: ProviderHandle
) -> None:
    """Under a budget, though the price list has no price for it: it is known to be free."""
    answer = sdk.moderations.create(model=MODEL, input=["Good morning", "I will murder you"])
    assert [one.flagged for one in answer.results] == [False, True]
    [event] = calls(tenant)
    assert (event["endpoint"], event["status"], event["cost_nano"]) == ("moderations", "settled", 0)
    assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (0, 0, "provider")
    assert served(provider, event)["cost_nano"] == 0
    limits = api.limits()
    assert (limits["rpd"]["spent"], limits["budget"]["spent"], limits["tpd"]["spent"]) == (1, 0, 0)


def test_request_without_a_model_means_the_providers_usual_one(
    sdk: OpenAI, tenant: Tenant, provider: ProviderHandle
) -> None:
    assert sdk.moderations.create(input="Good morning").model == MODEL
    [event] = calls(tenant)
    assert served(provider, event)["model_asked"] == MODEL


@pytest.mark.parametrize("given", ["", [], None, 7])
def test_input_that_makes_no_sense_is_named(api: Api, tenant: Tenant, given: Any) -> None:
    answer = moderate(api, input=given)
    assert code_of(answer) == (400, "invalid_request")
    assert answer.json()["error"]["param"] == "input"
    assert tenant.events() == []


def test_requests_beyond_their_limit_are_refused(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    limit = {"name": "two", "meter": "requests", "per": "day", "limit": 2}
    api = api_of(make_tenant(entry={"models": [ROUTE]}, limits=[limit]))
    assert [moderate(api).status_code for _ in range(3)] == [200, 200, 429]
