"""A price that changes holds for the very next call, and what was charged stays as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orbit.lib import access
from quotas.contracts import add_price, rates_document, set_contract_price, withdraw_contract_price
from quotas.models import ContractPrice
from tenants.services import NewTarget, save_model
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import LIMITS, Api, ApiOf, code_of, hello

UNKNOWN = "no-list-has-this-model"
MODELS = {
    "models": [
        {"alias": name, "targets": [{"account": "demo", "model": name}]} for name in ("gpt-4o-mini", "gpt-4o")
    ]
    + [{"alias": "unpriced", "targets": [{"account": "demo", "model": UNKNOWN}]}]
}
CENT = rates_document({"input": "10.00", "output": "20.00"})


@pytest.fixture
def warm(make_tenant: MakeTenant, api_of: ApiOf) -> tuple[Tenant, Api]:
    """A tenant whose key and prices the worker already knows."""
    tenant = make_tenant(entry=MODELS, limits=LIMITS)
    api = api_of(tenant)
    assert api.chat().status_code == 200
    return tenant, api


Warm = tuple[Tenant, Api]


def agree(tenant: Tenant, **terms: Any) -> ContractPrice:
    terms = {"provider": "openai", "model": "gpt-4o-mini", "actor": "test", **terms}
    return set_contract_price(organization_id=tenant.id, **terms).row


def at_cents(event: dict[str, Any]) -> int:
    return int(event["input_tokens"] * 10_000 + event["output_tokens"] * 20_000)


def test_contract_price_is_used_by_the_next_call_and_past_events_keep_theirs(warm: Warm) -> None:
    tenant, api = warm
    (before,) = tenant.events()
    row = agree(tenant, rates=CENT)
    answer = api.chat(messages=hello("tokens=50"))
    first, second = tenant.events()
    assert first == before
    assert second["cost_nano"] == at_cents(second) == int(answer.headers["x-orbit-cost-nano"])
    assert second["price_version"] == f"contract#{row.pk}+{first['price_version']}"
    assert second["reserved"]["cost_nano"] >= second["cost_nano"]


def test_stream_is_charged_at_the_price_it_was_admitted_at(warm: Warm) -> None:
    tenant, api = warm
    agree(tenant, rates=CENT)
    assert api.chat(messages=hello("tokens=20"), stream=True).status_code == 200
    assert tenant.events()[-1]["cost_nano"] == at_cents(tenant.events()[-1])


def test_withdrawn_contract_leaves_the_book(warm: Warm) -> None:
    tenant, api = warm
    row = agree(tenant, rates=CENT)
    assert api.chat().status_code == 200
    withdraw_contract_price(organization_id=tenant.id, price_id=row.pk, actor="test")
    assert api.chat().status_code == 200
    first, second, third = tenant.events()
    assert second["cost_nano"] > first["cost_nano"] == third["cost_nano"]
    assert first["price_version"] == third["price_version"]


def test_discount_is_taken_off(warm: Warm) -> None:
    tenant, api = warm
    agree(tenant, discount_percent=Decimal(50))
    assert api.chat().status_code == 200
    first, second = tenant.events()
    assert second["cost_nano"] * 2 == first["cost_nano"]


def test_contract_that_has_ended_or_not_begun_is_not_used(warm: Warm) -> None:
    tenant, api = warm
    now = datetime.now(UTC)
    agree(tenant, rates=CENT, valid_from=now - timedelta(days=2), valid_until=now - timedelta(days=1))
    agree(tenant, rates=CENT, valid_from=now + timedelta(days=1))
    assert api.chat().status_code == 200
    first, second = tenant.events()
    assert (second["cost_nano"], second["price_version"]) == (first["cost_nano"], first["price_version"])


def test_reservation_near_a_change_covers_the_dearer_price(warm: Warm) -> None:
    tenant, api = warm
    begins = datetime.now(UTC) + timedelta(seconds=45)
    agree(tenant, rates=rates_document({"input": "1000.00", "output": "1000.00"}), valid_from=begins)
    assert api.chat(max_tokens=10).status_code == 200
    event = tenant.events()[-1]
    assert event["reserved"]["cost_nano"] >= 1_000_000 * (event["input_tokens"] + 10)
    assert event["cost_nano"] < 1_000_000


def test_named_service_tier_reserves_no_more_than_it_can_cost(warm: Warm) -> None:
    tenant, api = warm
    for asked in ("auto", "default"):
        assert api.chat(model="gpt-4o", max_tokens=100, service_tier=asked).status_code == 200
    _, anything, standard = tenant.events()
    assert standard["reserved"]["output_tokens"] == anything["reserved"]["output_tokens"]
    assert standard["cost_nano"] <= standard["reserved"]["cost_nano"] < anything["reserved"]["cost_nano"]


def test_searches_that_are_asked_for_are_reserved(warm: Warm) -> None:
    tenant, api = warm
    assert api.chat(model="gpt-4o").status_code == 200
    assert api.chat(model="gpt-4o", web_search_options={"search_context_size": "low"}).status_code == 200
    _, plain, searching = tenant.events()
    ten_searches = 10 * 10_000_000
    more = searching["reserved"]["cost_nano"] - plain["reserved"]["cost_nano"]
    assert ten_searches <= more < ten_searches * 2


def test_model_without_a_price_is_refused_until_a_contract_names_one(warm: Warm) -> None:
    tenant, api = warm
    assert code_of(api.chat(model="unpriced")) == (403, "model_unpriced")
    agree(tenant, model=UNKNOWN, discount_percent=Decimal(10))  # of nothing
    assert code_of(api.chat(model="unpriced")) == (403, "model_unpriced")
    row = agree(tenant, model=UNKNOWN, rates=CENT)
    assert api.chat(model="unpriced").status_code == 404  # the provider's own word
    withdraw_contract_price(organization_id=tenant.id, price_id=row.pk, actor="test")
    assert code_of(api.chat(model="unpriced")) == (403, "model_unpriced")


def test_price_yet_to_come_is_no_price(warm: Warm) -> None:
    tenant, api = warm
    agree(tenant, model=UNKNOWN, rates=CENT, valid_from=datetime.now(UTC) + timedelta(days=1))
    assert code_of(api.chat(model="unpriced")) == (403, "model_unpriced")


def test_price_added_to_the_book_is_used_by_the_next_call(warm: Warm) -> None:
    tenant, api = warm
    assert code_of(api.chat(model="unpriced")) == (403, "model_unpriced")
    model = f"{UNKNOWN}-{tenant.slug}"
    # a name of its own, so that no other test finds it priced
    save_model(organization_id=tenant.id, alias="unpriced", targets=[NewTarget("demo", model)], actor="test")
    assert code_of(api.chat(model="unpriced")) == (403, "model_unpriced")
    add_price(provider="openai", model=model, rates=CENT, source="list", actor="operator")
    assert api.chat(model="unpriced").status_code == 404  # the provider's own word


def test_contract_takes_room_from_a_budget_at_its_own_price(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    limits = [{"name": "budget", "meter": "cost", "per": "month", "limit": "0.50"}]
    tenant = make_tenant(limits=limits)
    api = api_of(tenant)
    assert api.chat(max_tokens=100).status_code == 200
    agree(tenant, rates=rates_document({"input": "5000.00", "output": "5000.00"}))
    assert code_of(api.chat(max_tokens=100)) == (400, "request_exceeds_limit")


def test_contracts_of_others_change_nothing(warm: Warm, make_tenant: MakeTenant) -> None:
    tenant, api = warm
    agree(make_tenant(), rates=CENT)
    assert api.chat().status_code == 200
    first, second = tenant.events()
    assert first["cost_nano"] == second["cost_nano"]
    with access.scope(organization_id=tenant.id):
        assert not ContractPrice.objects.exists()
