"""Past calls at other prices: exact, posted as entries that name them, once, and nothing is ever rewritten."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from audit.models import Event
from billing.reports.asked import question
from billing.reports.reading import report
from billing.repricing.posting import Repriced, reprice
from billing.repricing.reading import Selection
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas import sums
from quotas.contracts import set_contract_price
from quotas.models import Price
from tenants import services
from tenants.models import Membership, Organization, ProviderAccount
from tests.audit.conftest import Feed
from tests.console.conftest import make_person
from tests.management import client_of
from tests.tenants.conftest import run

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
SELECTION = Selection(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC))
INPUT, OUTPUT = 2_000_000_000, 8_000_000_000  # nano-units per million


class Shop:
    """An organization with an account, a price of its own in the book, and calls that were charged by it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.where: dict[str, Any] = {"organization_id": feed.id, "actor": "test"}
        self.model = f"m-{feed.id.hex[-12:]}"
        services.save_account(
            **self.where, name="main", kind="vllm", base_url="https://llm.example.com/v1", prices_as="openai"
        )
        services.save_project(**self.where, slug="app", name="App", cost_centre="CC-1")
        with access.scope(organization_id=feed.id):
            self.account = ProviderAccount.objects.get()
        self.price = Price.objects.create(
            provider="openai",
            model=self.model,
            rates={"input": INPUT, "output": OUTPUT},
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            source="list",
        )

    def call(self, given: int, made: int, **more: Any) -> dict[str, Any]:
        cost = -(-(given * INPUT + made * OUTPUT) // 1_000_000)
        event = self.feed.call(
            **{
                "admitted_us": int(NOON.timestamp()) * 1_000_000,
                "account_id": str(self.account.pk),
                "account": "main",
                "upstream_model": self.model,
                "endpoint": "chat/completions",
                "input_tokens": given,
                "output_tokens": made,
                "cost_nano": cost,
                "price_version": self.price.version,
                "detail": {"tags": {"team": "a"}},
                **more,
            }
        )
        self.feed.send(event)
        return event

    def agree(self, **terms: Any) -> None:
        set_contract_price(**self.where, provider="openai", model=self.model, **terms)
        self.feed.write()

    def reprice(self, selection: Selection = SELECTION, reason: str = "contract of May") -> Repriced:
        done = reprice(**self.where, selection=selection, reason=reason)
        self.feed.write()
        return done

    def events(self, kind: str) -> list[Event]:
        return [one for one in self.feed.rows() if one.kind == kind]

    def cost(self) -> int:
        with access.scope(organization_id=self.feed.id):
            found = report(
                Organization.objects.get(),
                question({"by": "model", "from": "2026-11-01", "to": "2026-11-13"}),
            )
            (row,) = sums.read(sums.Asked(found.span.since, found.span.until))
        assert found.whole.cost_nano == row["cost_nano"]
        ledger = sum(one.cost_nano or 0 for one in self.feed.rows())
        assert found.whole.cost_nano == ledger
        return ledger


@pytest.fixture
def shop(feed: Feed) -> Shop:
    return Shop(feed)


def test_the_difference_is_posted_beside_the_call(shop: Shop) -> None:
    event = shop.call(1_000, 100, retention=90)
    shop.feed.write()
    before = shop.cost()
    shop.agree(discount_percent=Decimal(10))
    done = shop.reprice()
    assert (done.posted, done.trial.nano) == (1, -before // 10)
    (call,) = shop.events("call")
    assert call.cost_nano == before  # as it was
    (adjustment,) = shop.events("adjustment")
    assert str(adjustment.corrects) == event["event_id"]
    assert adjustment.cost_nano == -before // 10
    assert (adjustment.admitted_at, adjustment.detail["reason"]) == (call.admitted_at, "contract of May")
    assert str(adjustment.price_version).startswith("contract#")
    assert (call.retention, adjustment.retention) == (90, 90)
    assert shop.cost() == before - before // 10
    (act,) = [one for one in shop.events("act") if one.detail["action"] == "price.reprice"]
    assert act.detail["after"]["calls"] == 1
    assert act.detail["after"]["difference_nano"] == -before // 10


def test_twice_is_as_once_and_back_is_back(shop: Shop) -> None:
    for count in range(5):
        shop.call(1_000 + count, 100)
    shop.feed.write()
    before = shop.cost()
    shop.agree(discount_percent=Decimal(50))
    shop.reprice()
    half = shop.cost()
    assert half == before // 2
    assert shop.reprice().posted == 0
    assert shop.cost() == half
    shop.agree(discount_percent=Decimal("0"))
    assert shop.reprice().posted == 5
    assert shop.cost() == before
    shop.agree(discount_percent=Decimal(50))
    assert shop.reprice().posted == 5
    assert shop.cost() == half


def test_nobody_reprices_what_is_still_on_its_way(shop: Shop) -> None:
    shop.call(1_000, 100)
    shop.feed.write()
    shop.agree(discount_percent=Decimal(50))
    reprice(**shop.where, selection=SELECTION, reason="once")
    with pytest.raises(InputError, match="not in the ledger yet"):
        reprice(**shop.where, selection=SELECTION, reason="twice")
    shop.feed.write()
    assert shop.reprice().posted == 0


def test_corrections_count_as_used(shop: Shop) -> None:
    event = shop.call(5_000, 5_000, status="lease_expired", usage_source="lease_expired")
    late = {
        **event,
        "status": "settled",
        "usage_source": "provider",
        "input_tokens": 1_000,
        "output_tokens": 100,
    }
    late["cost_nano"] = (1_000 * INPUT + 100 * OUTPUT) // 1_000_000
    shop.feed.send(late, kind="late")
    shop.feed.write()
    assert shop.cost() == late["cost_nano"]
    shop.agree(discount_percent=Decimal(50))
    shop.reprice()
    assert shop.cost() == late["cost_nano"] // 2


def test_what_does_not_follow_from_its_price_is_left_and_counted(shop: Shop) -> None:
    shop.call(1_000, 100, cost_nano=7)  # charged in some other way
    shop.call(9_000, 900, status="lease_expired", usage_source="lease_expired")  # nobody knows
    shop.call(1_000, 100, status="provider_failed", cost_nano=0)
    shop.call(1_000, 100, endpoint="moderations", cost_nano=0)
    shop.feed.write()
    before = shop.cost()
    shop.agree(discount_percent=Decimal(50))
    done = shop.reprice()
    assert done.posted == 0
    assert sorted(done.trial.left.values()) == [1, 1]
    assert shop.cost() == before


def test_what_had_no_price_gets_one(shop: Shop) -> None:
    shop.call(1_000_000, 0, cost_nano=None, price_version=None, upstream_model=f"{shop.model}-new")
    shop.feed.write()
    assert shop.cost() == 0
    set_contract_price(
        **shop.where, provider="openai", model=f"{shop.model}-new", rates={"input": 5, "output": 5}
    )
    shop.reprice()
    assert shop.cost() == 5


def test_a_contract_holds_from_its_day(shop: Shop) -> None:
    shop.call(1_000, 100)
    shop.call(1_000, 100, admitted_us=int((NOON - timedelta(days=5)).timestamp()) * 1_000_000)
    shop.feed.write()
    shop.agree(discount_percent=Decimal(50), valid_from=NOON - timedelta(days=1))
    assert shop.reprice().posted == 1
    assert shop.reprice(Selection(SELECTION.since, SELECTION.until, model="other")).posted == 0


def test_it_takes_the_right_and_a_reason(shop: Shop) -> None:
    person = make_person()
    services.add_member(**shop.where, person=person, role="auditor")
    with access.scope(organization_id=shop.feed.id):
        member = Membership.objects.get(person=person)
    with pytest.raises(PermissionDenied):
        reprice(organization_id=shop.feed.id, actor=member, selection=SELECTION, reason="x")
    with pytest.raises(InputError, match="printable"):
        reprice(**shop.where, selection=SELECTION, reason="")


def test_a_preview_is_exact_and_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.call(1_000, 100)
    shop.call(2_000, 50)
    shop.feed.write()
    before = shop.cost()
    span = {"first": "2026-11-01", "last": "2026-11-12"}
    path = f"/api/v1/organizations/{shop.feed.organization.slug}/contract-prices/preview"
    client = client_of(shop.feed.id, ["prices.write"])
    body = {"provider": "openai", "model": f"{shop.model[:6]}*", "discount_percent": "25", **span}
    told = client.post(path, body, content_type="application/json").json()
    assert (told["calls"], told["changed"], told["posted"]) == (2, 2, None)
    assert told["difference_nano"] == -before // 4
    file = tmp_path / "prices.jsonl"
    line = {
        "provider": "openai",
        "model": shop.model,
        "input": "4.00",
        "output": "16.00",
        "source": "list of May",
    }
    file.write_text(json.dumps(line))
    where = ("--organization", shop.feed.organization.slug, "--from", "2026-11-01", "--to", "2026-11-12")
    doubled = run("reprice", *where, "--with", str(file), "--json").json
    assert doubled["difference_nano"] == before
    assert run("reprice", *where, "--with", str(file), "--post").code == 2
    assert run("reprice", *where, "--post").code == 2  # without a reason
    assert shop.cost() == before
    assert shop.events("adjustment") == []
    compared = run("prices", "import", str(file), "--dry-run", "--json").json["prices"]
    assert (compared[0]["before"]["input"], compared[0]["after"]["input"]) == ("2.00", "4.00")
    assert Price.objects.filter(model=shop.model).count() == 1


def test_the_command_posts(shop: Shop) -> None:
    shop.call(1_000, 100)
    shop.feed.write()
    shop.agree(discount_percent=Decimal(50))
    where = ("--organization", shop.feed.organization.slug, "--from", "2026-11-01", "--to", "2026-11-12")
    assert "Nothing was changed" in run("reprice", *where).out
    assert "1 adjustments were posted" in run("reprice", *where, "--post", "--reason", "contract").out
    shop.feed.write()
    assert len(shop.events("adjustment")) == 1
