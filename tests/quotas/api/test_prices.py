"""The price book, and contract prices: agreed, replaced, withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orbit.lib import access
from orbit.lib.clock import rfc3339
from quotas.contracts import rates_document
from quotas.models import ContractPrice, Price
from tests.conftest import Tenant
from tests.management import client_of

JSON = "application/json"


def path(tenant: Tenant, *further: object) -> str:
    return "/".join([f"/api/v1/organizations/{tenant.slug}/contract-prices", *map(str, further)])


def agree(tenant: Tenant, **terms: Any) -> Any:
    body = {"provider": "openai", "model": "gpt-4o-mini", **terms}
    answer = client_of(tenant.id).post(path(tenant), body, content_type=JSON)
    return answer.json() if answer.status_code == 201 else (answer.status_code, answer.json()["errors"])


def test_agreed_rates_are_told_as_amounts_of_money(tenant: Tenant) -> None:
    made = agree(
        tenant,
        rates={"input": "0.10", "output": "0.4", "cached_input": "0"},
        units={"web_searches": "10"},
        source="offer 7",
        until="2030-01-01T00:00:00Z",
    )
    assert made["rates"] == {"input": "0.10", "cached_input": "0.00", "output": "0.40"}
    assert made["units"] == {"web_searches": "10.00"}
    assert (made["account"], made["discount_percent"], made["free"]) == (None, None, False)
    assert (made["from"], made["until"], made["source"]) == (None, "2030-01-01T00:00:00Z", "offer 7")
    assert made["author"].startswith("management key ")
    assert client_of(tenant.id).get(path(tenant, made["id"])).json() == made
    assert client_of(tenant.id).get(path(tenant)).json() == {"data": [made], "next_cursor": None}


def test_discount_and_free_are_agreed_too(tenant: Tenant) -> None:
    discount = agree(tenant, discount_percent="12.5", account="demo")
    assert (discount["rates"], discount["discount_percent"], discount["account"]) == (None, "12.5", "demo")
    free = agree(tenant, free=True)
    assert (free["rates"], free["free"]) == (None, True)


def test_new_terms_take_the_place_of_the_old(tenant: Tenant) -> None:
    old = agree(tenant, discount_percent="5")
    new = agree(tenant, discount_percent="7.5")
    assert new["id"] != old["id"]
    asked = client_of(tenant.id)
    standing = asked.get(path(tenant), {"withdrawn": "false"}).json()["data"]
    gone = asked.get(path(tenant), {"withdrawn": "true"}).json()["data"]
    assert [one["id"] for one in standing] == [new["id"]]
    assert [one["id"] for one in gone] == [old["id"]]
    assert gone[0]["withdrawn_at"] is not None


def test_withdrawn_price_holds_no_more_and_stays_readable(tenant: Tenant) -> None:
    made = agree(tenant, discount_percent="5")
    asked = client_of(tenant.id)
    assert asked.delete(path(tenant, made["id"])).status_code == 204
    with access.scope(organization_id=tenant.id):
        assert not ContractPrice.objects.live().exists()
    assert asked.get(path(tenant, made["id"])).json()["withdrawn_at"] is not None
    again = asked.delete(path(tenant, made["id"]))
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, ""),
        ({"rates": {"input": "1", "output": "2"}, "discount_percent": "5"}, ""),
        ({"rates": {"input": "1", "output": "2"}, "free": True}, "free"),
        ({"rates": {"input": "1"}}, "rates.output"),
        ({"rates": {"input": "nothing", "output": "2"}}, "rates.input"),
        ({"rates": {"input": "1", "output": "2", "colour": "3"}}, "rates.colour"),
        ({"rates": {"input": "1", "output": "2"}, "units": {"colour": "3"}}, "units.colour"),
        ({"rates": {"input": "1e99", "output": "2"}}, "rates.input"),
        ({"discount_percent": "100"}, "discount_percent"),
        ({"discount_percent": "NaN"}, "discount_percent"),
        ({"discount_percent": "5", "account": "no-such"}, "account"),
        ({"discount_percent": "5", "provider": "no-such"}, "provider"),
        ({"discount_percent": "5", "model": "gpt*mini"}, "model"),
        ({"discount_percent": "5", "from": "2030-01-01T00:00:00Z", "until": "2029-01-01T00:00:00Z"}, "until"),
        ({"discount_percent": "5", "from": "tomorrow"}, "from"),
        ({"discount_percent": "5", "colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_bad_terms_name_their_field(tenant: Tenant, terms: dict[str, Any], field: str) -> None:
    status, errors = agree(tenant, **terms)
    assert (status, [error["field"] for error in errors]) == (400, [field])
    with access.scope(organization_id=tenant.id):
        assert not ContractPrice.objects.exists()


def test_prices_of_another_organization_are_not_there(tenant: Tenant, make_tenant: Any) -> None:
    foreign = agree(make_tenant(), discount_percent="5")
    asked = client_of(tenant.id)
    assert asked.get(path(tenant, foreign["id"])).status_code == 404
    assert asked.delete(path(tenant, foreign["id"])).status_code == 404


def test_reading_and_agreeing_take_their_own_scopes(tenant: Tenant) -> None:
    reader = client_of(tenant.id, ["usage.read"])
    assert reader.get(path(tenant)).status_code == 200
    refused = reader.post(path(tenant), {"provider": "openai", "model": "x", "free": True}, content_type=JSON)
    assert refused.status_code == 403


def test_book_tells_what_was_in_force_at_a_moment(tenant: Tenant) -> None:
    now, model = datetime.now(UTC), f"model-{tenant.slug}"
    with access.operator():
        for days, amount in ((-20, "1"), (-10, "2"), (10, "3")):
            Price.objects.create(
                provider="openai",
                model=model,
                rates=rates_document({"input": amount, "output": "9"})
                | {"tiers": [{"above_input_tokens": 1000, "input": 5, "output": 7}]},
                valid_from=now + timedelta(days=days),
                source="test",
            )
    asked = client_of(tenant.id, ["usage.read"])

    def inputs(**query: str) -> list[str]:
        found = asked.get("/api/v1/prices", {"provider": "openai", "model": model, **query}).json()["data"]
        return [one["rates"]["input"] for one in found]

    assert inputs() == ["3.00", "2.00", "1.00"]
    assert inputs(at=rfc3339(now)) == ["2.00"]
    assert inputs(at=rfc3339(now - timedelta(days=15))) == ["1.00"]
    assert inputs(at=rfc3339(now - timedelta(days=30))) == []
    assert inputs(at=rfc3339(now + timedelta(days=30))) == ["3.00"]
    whole = asked.get("/api/v1/prices", {"model": model}).json()["data"][0]["rates"]
    assert whole["tiers"][0]["above_input_tokens"] == 1000
