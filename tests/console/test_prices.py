"""The pages of prices: listed, tried, proposed by one and approved by another, and the past priced again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from audit.models import OutboxEntry
from billing.approval.models import PriceProposal
from orbit.lib import access, money
from orbit.lib.clock import rfc3339
from quotas.contracts import set_contract_price
from quotas.models import ContractPrice, Price
from tenants import services
from tenants.models import ProviderAccount
from tests.console.conftest import Tenant, make_person, signed_in
from tests.management import client_of

INPUT, OUTPUT = 2_000_000_000, 8_000_000_000  # nano-units per million


@pytest.fixture
def shop(tenant: Tenant) -> Tenant:
    """With an account, a routed model, and its price in the book."""
    where = where_of(tenant)
    services.save_account(
        **where, name="main", kind="vllm", base_url="https://llm.example.com/v1", prices_as="openai"
    )
    services.save_model(**where, alias="fast", targets=[services.NewTarget("main", model_of(tenant))])
    Price.objects.create(
        provider="openai",
        model=model_of(tenant),
        rates={"input": INPUT, "output": OUTPUT},
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        source="list",
    )
    return tenant


def where_of(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


def model_of(tenant: Tenant) -> str:
    return f"m-{tenant.organization.pk.hex[-12:]}"


def call(tenant: Tenant, at: datetime) -> int:
    """One of 1,000 tokens in and 100 out, by the book. What it cost."""
    cost = -(-(1_000 * INPUT + 100 * OUTPUT) // 1_000_000)
    with access.scope(organization_id=tenant.organization.pk):
        account = ProviderAccount.objects.get(name="main")
    version = Price.objects.get(model=model_of(tenant)).version
    tenant.call(
        at,
        account_id=account.pk,
        account="main",
        upstream_model=model_of(tenant),
        input_tokens=1_000,
        output_tokens=100,
        cost_nano=cost,
        price_version=version,
    )
    return cost


def last_month() -> datetime:
    return datetime.now(UTC).replace(day=1, hour=12) - timedelta(days=10)


def colleague(tenant: Tenant, role: str = "finance") -> Client:
    person = make_person()
    services.add_member(**where_of(tenant), person=person, role=role)
    return signed_in(person)


def typed(tenant: Tenant, **more: str) -> dict[str, str]:
    return {"provider": "openai", "model": model_of(tenant), "kind": "discount", "percent": "10"} | more


def proposals(tenant: Tenant) -> list[PriceProposal]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(PriceProposal.objects.order_by("pk"))


def contracts(tenant: Tenant) -> list[ContractPrice]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(ContractPrice.objects.live())


def said(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_contracts_are_listed_with_what_calls_cost_now(shop: Tenant) -> None:
    set_contract_price(**where_of(shop), provider="openai", model="*", discount_percent=Decimal("-12.5"))
    text = said(shop.client(), f"{shop.path}prices/")
    assert "12.5 % on top of the price book" in text
    assert "$2.25 in, $9.00 out" in text  # 12.5 % on top of 2.00 and 8.00
    assert "contract</span>" in text


def test_terms_are_tried_on_last_month_and_nothing_changes(shop: Tenant) -> None:
    cost = call(shop, last_month())
    answer = colleague(shop).post(f"{shop.path}prices/try/", typed(shop))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f"−${money.amount(cost // 10)}" in text
    assert "1 of 1 calls would cost something else" in text
    assert 'value="10"' in text  # the terms are still there
    place = f"/api/v1/organizations/{shop.organization.slug}/contract-prices/preview"
    asked = {"provider": "openai", "model": model_of(shop), "discount_percent": "10"}
    told = client_of(shop.organization.pk).post(place, asked, content_type="application/json").json()
    assert told["difference_nano"] == -cost // 10
    assert (contracts(shop), proposals(shop)) == ([], [])


def test_what_one_proposes_another_approves(shop: Tenant) -> None:
    proposer, approver = colleague(shop), colleague(shop)
    answer = proposer.post(f"{shop.path}prices/propose/", typed(shop, source="contract of May"), follow=True)
    (row,) = proposals(shop)
    text = answer.content.decode()
    assert "You proposed this, so somebody else approves it" in text
    page = f"{shop.path}prices/proposals/{row.pk}/"
    assert page in said(approver, f"{shop.path}prices/")
    refused = proposer.post(f"{page}approve/", follow=True).content.decode()
    assert "somebody else than who proposed it must approve it" in refused
    assert contracts(shop) == []
    assert (
        "Approved." in approver.post(f"{page}approve/", {"reason": "as agreed"}, follow=True).content.decode()
    )
    (contract,) = contracts(shop)
    assert contract.discount_percent == 10
    again = approver.post(f"{page}approve/", follow=True).content.decode()
    assert "was approved by" in again


def test_a_proposal_is_refused_and_tried_before(shop: Tenant) -> None:
    cost = call(shop, last_month())
    proposer = colleague(shop)
    proposer.post(f"{shop.path}prices/propose/", typed(shop, kind="markup", percent="50"))
    (row,) = proposals(shop)
    page = f"{shop.path}prices/proposals/{row.pk}/"
    assert f"${money.amount(cost // 2)}" in said(shop.client(), f"{page}?try=1")
    assert "must be 1 to 500" in shop.client().post(f"{page}refuse/", follow=True).content.decode()
    shop.client().post(f"{page}refuse/", {"reason": "too dear"})
    (row,) = proposals(shop)
    assert (row.state, row.reason, contracts(shop)) == ("refused", "too dear", [])
    assert "too dear" in said(proposer, page)


def test_one_alone_agrees_and_withdraws_unless_it_takes_two(
    shop: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = colleague(shop)
    given = typed(shop, kind="rates", input="1.50", output="6", **{"units.images": "0.04"})
    client.post(f"{shop.path}prices/agree/", given | {"first": "2026-11-01", "last": "2026-11-30"})
    (row,) = contracts(shop)
    assert row.rates == {"input": 1_500_000_000, "output": 6_000_000_000, "units": {"images": 40_000_000}}
    assert (row.valid_from, row.valid_until) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    )
    text = said(client, f"{shop.path}prices/")
    assert "input $1.50, output $6.00 per million tokens; images $0.04 each" in text
    monkeypatch.setattr(settings, "ORBIT_PRICE_APPROVAL", True)
    assert "Agree on it alone" not in said(client, f"{shop.path}prices/")
    refused = client.post(f"{shop.path}prices/agree/", typed(shop)).content.decode()
    assert "takes two people here" in refused
    kept = client.post(f"{shop.path}prices/{row.pk}/withdraw/", follow=True).content.decode()
    assert "takes two people here" in kept
    monkeypatch.setattr(settings, "ORBIT_PRICE_APPROVAL", False)
    client.post(f"{shop.path}prices/{row.pk}/withdraw/")
    assert contracts(shop) == []
    assert "Contracts of the past" in said(client, f"{shop.path}prices/")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"percent": "much"}, "Per cent is no number"),
        ({"percent": "0"}, "Per cent must be more than 0"),
        ({"percent": "100"}, "Per cent must be at least"),
        ({"kind": "rates", "input": "1"}, "Output is missing"),
        ({"kind": "rates", "input": "0", "output": "1"}, "Input must be"),
        ({"kind": "gift"}, "Kind is not known"),
        ({"model": ""}, "Model must be"),
        ({"provider": "acme"}, "Provider no account is priced as"),
        ({"first": "2026-13-01"}, "First day"),
        ({"first": "2026-11-30", "last": "2026-11-01"}, "Last day, itself included must be after"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(shop: Tenant, wrong: dict[str, str], words: str) -> None:
    answer = shop.client().post(f"{shop.path}prices/propose/", typed(shop, **wrong))
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert proposals(shop) == []


def test_the_past_is_priced_again_beside_its_calls(shop: Tenant) -> None:
    day = datetime.now(UTC) - timedelta(hours=1)
    cost = call(shop, day)
    client, page = colleague(shop), f"{shop.path}prices/repricing/"
    assert "There is nothing to post" in said(client, f"{page}?range=7d")
    set_contract_price(**where_of(shop), provider="openai", model="*", discount_percent=Decimal(50))
    text = said(client, f"{page}?range=7d&account=main")
    assert "Post 1 adjustment<" in text
    assert f"−${money.amount(cost // 2)}" in text
    moments = dict(re.findall(r'name="(since|before)" value="([^"]+)"', text))
    without = client.post(f"{page}post/", {"range": "7d", **moments}, follow=True).content.decode()
    assert "reason must be" in without
    assert "Post 1 adjustment<" in without  # still the same preview
    done = client.post(f"{page}post/", {"range": "7d", **moments, "reason": "contract of May"}, follow=True)
    assert "1 adjustments are on their way" in done.content.decode()
    with access.scope(organization_id=shop.organization.pk):
        (entry,) = OutboxEntry.objects.filter(event__kind="adjustment")
    assert (entry.event["cost_nano"], entry.event["admitted_at"]) == (-cost // 2, rfc3339(day))


def test_what_was_previewed_is_posted_and_nothing_else(shop: Tenant) -> None:
    """A word such as `month` has come to mean other days, and calls have come since."""
    now = datetime.now(UTC)
    call(shop, now - timedelta(days=40))
    call(shop, now - timedelta(hours=2))
    set_contract_price(**where_of(shop), provider="openai", model="*", discount_percent=Decimal(50))
    client, page = colleague(shop), f"{shop.path}prices/repricing/"
    given = {"range": "7d", "reason": "contract of May"}
    unseen = client.post(f"{page}post/", given, follow=True).content.decode()
    assert "was not previewed" in unseen
    later = {"since": rfc3339(now - timedelta(hours=3)), "before": rfc3339(now - timedelta(hours=2))}
    assert "Nothing was posted" in client.post(f"{page}post/", given | later, follow=True).content.decode()
    moments = {
        "since": rfc3339(now - timedelta(days=41)),
        "before": rfc3339(now - timedelta(days=39, hours=23)),
    }
    assert (
        "1 adjustments are on their way"
        in client.post(f"{page}post/", given | moments, follow=True).content.decode()
    )


def test_a_span_that_cannot_be_is_told(shop: Tenant) -> None:
    answer = shop.client().get(f"{shop.path}prices/repricing/?from=2026-11-30&to=2026-11-01")
    assert answer.status_code == 400
    assert "is before the beginning" in answer.content.decode()


def test_who_reads_figures_sees_prices_and_changes_none(shop: Tenant) -> None:
    shop.client().post(f"{shop.path}prices/propose/", typed(shop))
    (row,) = proposals(shop)
    client = colleague(shop, "developer")
    assert "A new price" not in said(client, f"{shop.path}prices/")
    assert "prices.write" in said(client, f"{shop.path}prices/proposals/{row.pk}/")
    assert client.post(f"{shop.path}prices/proposals/{row.pk}/approve/").status_code == 403
    assert client.get(f"{shop.path}prices/repricing/").status_code == 403


def test_under_a_ceiling_prices_are_the_operators(shop: Tenant) -> None:
    services.set_ceiling(**where_of(shop), document={"limits": []})
    text = shop.client().post(f"{shop.path}prices/propose/", typed(shop)).content.decode()
    assert "under a ceiling" in text
