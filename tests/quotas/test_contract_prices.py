"""Contract prices: which binds, from when to when, and whom a change is told."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.clock import to_us
from orbit.lib.errors import InputError
from quotas.contracts import (
    add_price,
    path_of,
    rates_document,
    reseed,
    set_contract_price,
    withdraw_contract_price,
)
from quotas.models import ContractPrice, Price
from quotas.prices import Target, in_force
from quotas.rates import MILLION, Rates
from tenants.models import Organization
from tests.conftest import MakeTenant, Tenant

MODEL = "gpt-4o-mini"
BOOK_INPUT = 150_000_000


def agree(tenant: Tenant, **terms: Any) -> ContractPrice:
    terms = {"provider": "openai", "model": MODEL, "actor": "test", **terms}
    if "discount_percent" not in terms:
        terms.setdefault("rates", rates_document({"input": "0.10", "output": "0.40"}))
    return set_contract_price(organization_id=tenant.id, **terms).row


def rates_of(tenant: Tenant, model: str = MODEL, account: str = "demo") -> Rates | None:
    target = Target("openai", model, account)
    with access.scope(organization_id=tenant.id):
        return in_force({target}, datetime.now(UTC)).get(target)


def input_price(tenant: Tenant, model: str = MODEL, account: str = "demo", at: datetime | None = None) -> int:
    rates = rates_of(tenant, model, account)
    assert rates is not None
    return rates.at(to_us(at or datetime.now(UTC))).cost_nano(MILLION, 0)


def version_of(tenant: Tenant) -> int:
    with access.operator():
        return Organization.objects.get(pk=tenant.id).version


def acts(tenant: Tenant) -> list[dict[str, Any]]:
    with access.scope(organization_id=tenant.id):
        details = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("pk")]
    return [one for one in details if one["action"].startswith("price.")]


def test_contract_goes_before_the_book(tenant: Tenant) -> None:
    assert input_price(tenant) == BOOK_INPUT
    agree(tenant)
    assert input_price(tenant) == 100_000_000


def test_contract_is_the_organizations_own(tenant: Tenant, make_tenant: MakeTenant) -> None:
    other = make_tenant()
    agree(tenant)
    assert input_price(other) == BOOK_INPUT


def test_discount_is_taken_from_every_price_of_the_book(tenant: Tenant) -> None:
    agree(tenant, discount_percent=Decimal("12.5"))
    rates, book = rates_of(tenant), Price.objects.filter(provider="openai", model=MODEL).latest("valid_from")
    assert rates is not None
    listed = Rates.parse(book.rates, "book")
    for arguments in ((MILLION, 0), (0, MILLION)):
        assert rates.cost_nano(*arguments) == listed.cost_nano(*arguments) * 7 // 8
    assert rates.cost_nano(0, 0, units={"web_searches": 8}) == listed.cost_nano(
        0, 0, units={"web_searches": 7}
    )


def test_surcharge_is_a_negative_discount(tenant: Tenant) -> None:
    agree(tenant, discount_percent=Decimal(-10))
    assert input_price(tenant) == BOOK_INPUT * 11 // 10


def test_discount_on_a_model_without_a_price_is_no_price(tenant: Tenant) -> None:
    agree(tenant, model="nowhere-listed", discount_percent=Decimal(10))
    assert rates_of(tenant, "nowhere-listed") is None


def test_contract_prices_a_model_that_the_book_does_not_know(tenant: Tenant) -> None:
    agree(tenant, model="nowhere-listed")
    assert input_price(tenant, "nowhere-listed") == 100_000_000


def test_contract_keeps_the_books_prices_of_tools_and_service_tiers(tenant: Tenant) -> None:
    agree(tenant)
    rates = rates_of(tenant)
    assert rates is not None
    assert rates.unpriced({"web_searches": 1}) == []
    assert rates.cost_nano(MILLION, 0, service_tier="priority") == 250_000_000


def test_nearest_contract_binds(tenant: Tenant) -> None:
    agree(tenant, model="*", rates=rates_document({"input": "9", "output": "9"}))
    agree(tenant, model="gpt-4o*", rates=rates_document({"input": "8", "output": "9"}))
    assert input_price(tenant, "gpt-4o") == 8_000_000_000
    assert input_price(tenant, "text-embedding-3-small") == 9_000_000_000
    agree(tenant, model="gpt-4o", rates=rates_document({"input": "7", "output": "9"}))
    assert input_price(tenant, "gpt-4o") == 7_000_000_000
    assert input_price(tenant, MODEL) == 8_000_000_000
    agree(tenant, model="gpt-4o*", account="demo", rates=rates_document({"input": "6", "output": "9"}))
    assert input_price(tenant, "gpt-4o") == 6_000_000_000
    assert input_price(tenant, "gpt-4o", account="another") == 7_000_000_000


def test_contract_holds_from_its_beginning_to_its_end(tenant: Tenant) -> None:
    now = datetime.now(UTC)
    begins, ends = now + timedelta(days=1), now + timedelta(days=3)
    agree(tenant, valid_from=begins, valid_until=ends)
    moments = (now, begins, ends - timedelta(microseconds=1), ends)
    assert [input_price(tenant, at=moment) for moment in moments] == [
        BOOK_INPUT,
        100_000_000,
        100_000_000,
        BOOK_INPUT,
    ]


def test_model_whose_only_price_ended_is_unpriced(tenant: Tenant) -> None:
    ends = datetime.now(UTC) + timedelta(days=1)
    agree(tenant, model="nowhere-listed", valid_until=ends)
    rates = rates_of(tenant, "nowhere-listed")
    assert rates is not None
    assert rates.at(to_us(ends) - 1).priced
    assert not rates.at(to_us(ends)).priced


def test_model_whose_price_is_yet_to_come_is_unpriced_until_then(tenant: Tenant) -> None:
    begins = datetime.now(UTC) + timedelta(days=1)
    agree(tenant, model="nowhere-listed", valid_from=begins)
    rates = rates_of(tenant, "nowhere-listed")
    assert rates is not None
    assert not rates.at(to_us(begins) - 1).priced
    assert rates.at(to_us(begins)).priced


def test_new_terms_are_a_new_row_and_the_old_one_stays(tenant: Tenant) -> None:
    first = agree(tenant)
    second = agree(tenant, rates=rates_document({"input": "0.05", "output": "0.20"}))
    with access.scope(organization_id=tenant.id):
        rows = list(ContractPrice.objects.order_by("pk"))
        assert [one.pk for one in ContractPrice.objects.live()] == [second.pk]
    assert [(one.pk, one.rates) for one in rows] == [(first.pk, first.rates), (second.pk, second.rates)]
    assert rows[0].withdrawn_at is not None
    assert input_price(tenant) == 50_000_000


def test_version_names_the_contract_and_the_book(tenant: Tenant) -> None:
    book = Price.objects.filter(provider="openai", model=MODEL).order_by("valid_from", "pk").last()
    assert book is not None
    row = agree(tenant)
    rates = rates_of(tenant)
    assert rates is not None
    assert rates.version == f"contract#{row.pk}+{book.version}"
    assert len(f"contract#{2**63}+{'x' * 24}#{2**63}") <= 80  # what the ledger's column holds


def test_what_stood_in_the_past_is_still_known(tenant: Tenant) -> None:
    agree(tenant)
    between = datetime.now(UTC)
    agree(tenant, rates=rates_document({"input": "0.05", "output": "0.20"}))
    target = Target("openai", MODEL, "demo")
    with access.scope(organization_id=tenant.id):
        then = in_force({target}, between, as_of_then=True)[target]
    assert then.input == 100_000_000


def test_change_raises_the_version_and_tells_who_did_it(tenant: Tenant) -> None:
    before = version_of(tenant)
    row = agree(tenant)
    again = agree(tenant, discount_percent=Decimal(10))
    withdraw_contract_price(organization_id=tenant.id, price_id=again.pk, actor="test")
    assert version_of(tenant) == before + 3
    told = [(one["action"], one["target"], one["actor"]) for one in acts(tenant)[-3:]]
    path = f"openai/{MODEL}"
    assert told == [(f"price.{verb}", path, "test") for verb in ("create", "update", "delete")]
    update = acts(tenant)[-2]
    assert update["before"]["rates"] == row.rates
    assert update["after"] == {"rates": None, "discount_percent": "10", "version": again.version}
    assert input_price(tenant) == BOOK_INPUT


def test_same_terms_again_change_nothing(tenant: Tenant) -> None:
    row, before = agree(tenant), version_of(tenant)
    assert agree(tenant).pk == row.pk
    assert version_of(tenant) == before


def test_path_tells_contracts_apart(tenant: Tenant) -> None:
    begins = datetime(2031, 1, 1, tzinfo=UTC)
    assert path_of(agree(tenant)) == f"openai/{MODEL}"
    assert (
        path_of(agree(tenant, account="demo", valid_from=begins))
        == f"openai/{MODEL}@demo from 2031-01-01T00:00:00.000000Z"
    )


@pytest.mark.parametrize(
    ("terms", "path"),
    [
        ({"rates": None}, ""),
        ({"rates": {"input": 1}, "discount_percent": Decimal(1)}, ""),
        ({"discount_percent": Decimal(100)}, "discount_percent"),
        ({"discount_percent": Decimal("NaN")}, "discount_percent"),
        ({"discount_percent": Decimal(-1000)}, "discount_percent"),
        ({"discount_percent": Decimal("1.00001")}, "discount_percent"),
        ({"account": "dmo"}, "account"),
        ({"provider": "opnai"}, "provider"),
        ({"provider": "anthropic", "account": "demo"}, "provider"),
        (
            {"valid_from": datetime(2031, 1, 1, tzinfo=UTC), "valid_until": datetime(2031, 1, 1, tzinfo=UTC)},
            "until",
        ),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(tenant: Tenant, terms: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as refused:
        agree(tenant, **terms)
    assert refused.value.path == path
    assert input_price(tenant) == BOOK_INPUT


@pytest.mark.parametrize(
    ("amounts", "units", "path"),
    [
        ({"output": "1"}, None, "input"),
        ({"input": "0", "output": "1"}, None, "input"),
        ({"input": "1", "output": "0.00"}, None, "output"),
        ({"input": "1"}, None, "output"),
        ({"input": "-1", "output": "1"}, None, "input"),
        ({"input": "NaN", "output": "1"}, None, "input"),
        ({"input": "1", "output": "10000.01"}, None, "output"),
        ({"input": "1e400", "output": "1"}, None, "input"),
        ({"input": True, "output": "1"}, None, "input"),
        ({"input": 0.5, "output": "1"}, None, "input"),
        ({"input": "0.0000000001", "output": "1"}, None, "input"),
        ({"input": "1", "output": "1", "cached_input": "-1"}, None, "cached_input"),
        ({"input": "1", "output": "1", "input_audio": "0"}, None, "input_audio"),
        ({"input": "1", "output": "1", "reasoning": "0"}, None, "reasoning"),
        ({"input": "1", "outptu": "1"}, None, "outptu"),
        ({"input": "1", "output": "1"}, {"web_searches": "0"}, "units.web_searches"),
        ({"input": "1", "output": "1"}, {"web_search": "10"}, "units.web_search"),
    ],
)
def test_nothing_is_free_by_mistake(amounts: Any, units: Any, path: str) -> None:
    with pytest.raises(InputError) as refused:
        rates_document(amounts, units)
    assert refused.value.path == path


def test_free_is_said_and_nothing_else_beside_it() -> None:
    assert Rates.parse(rates_document({}, free=True), "test").cost_nano(MILLION, MILLION) == 0
    with pytest.raises(InputError):
        rates_document({"input": "1", "output": "1"}, free=True)


def test_free_model_has_a_price(tenant: Tenant) -> None:
    agree(tenant, rates=rates_document({}, free=True))
    rates = rates_of(tenant)
    assert rates is not None
    assert rates.priced
    assert rates.cost_nano(MILLION, MILLION, units={"web_searches": 5}, service_tier="priority") == 0


def test_another_organizations_contract_cannot_be_withdrawn(tenant: Tenant, make_tenant: MakeTenant) -> None:
    other = make_tenant()
    row = agree(tenant)
    with pytest.raises(InputError):
        withdraw_contract_price(organization_id=other.id, price_id=row.pk, actor="test")
    assert input_price(tenant) == 100_000_000


def test_database_itself_hides_other_organizations_contracts(tenant: Tenant, make_tenant: MakeTenant) -> None:
    other = make_tenant()
    row = agree(tenant)
    with access.scope(organization_id=other.id):
        assert not ContractPrice._base_manager.filter(pk=row.pk).exists()
        with pytest.raises(ProgrammingError), transaction.atomic():
            ContractPrice._base_manager.create(
                organization_id=tenant.id, provider="openai", model="x", rates={"input": 1}, author="test"
            )
    with pytest.raises(access.AccessDenied):
        ContractPrice.objects.count()


def test_database_holds_one_live_contract_of_a_kind(tenant: Tenant) -> None:
    agree(tenant)
    for wrong in ({"model": MODEL, "rates": {"input": 1}}, {"model": "y"}):
        with pytest.raises(IntegrityError), access.scope(organization_id=tenant.id):
            ContractPrice.objects.create(organization_id=tenant.id, provider="openai", author="test", **wrong)


# the book


def test_price_of_the_book_tells_the_organizations_that_route_the_model(make_tenant: MakeTenant) -> None:
    model = f"own-{secrets.token_hex(6)}"
    route = {"models": [{"alias": "own", "targets": [{"account": "demo", "model": model}]}]}
    routing, other = make_tenant(entry=route), make_tenant()
    before, untouched = version_of(routing), version_of(other)
    row = add_price(provider="openai", model=model, rates={"input": 5}, source="list", actor="operator")
    assert (version_of(routing), version_of(other)) == (before + 1, untouched)
    assert acts(routing)[-1]["target"] == f"openai/{model}"
    assert acts(routing)[-1]["after"]["version"] == row.version
    assert input_price(routing, model) == 5


@pytest.mark.parametrize(
    "wrong",
    [{"valid_from": datetime(2026, 1, 1, tzinfo=UTC)}, {"source": "genai-prices 9.9"}],
)
def test_book_is_not_changed_backwards_nor_in_the_packages_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        add_price(
            **{
                "provider": "openai",
                "model": "x",
                "rates": {"input": 5},
                "source": "s",
                "actor": "a",
                **wrong,
            }
        )


def test_newly_priced_model_is_told(tenant: Tenant, make_tenant: MakeTenant) -> None:
    model = "gpt-4.1-2025-04-14"
    route = {"models": [{"alias": "new", "targets": [{"account": "demo", "model": model}]}]}
    routing = make_tenant(entry=route)
    assert acts(routing)[-1]["action"] == "price.book"
    before = version_of(routing)
    assert reseed({("openai", model)}, actor="test") == set()
    assert version_of(routing) == before
